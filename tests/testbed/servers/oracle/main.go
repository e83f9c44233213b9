// Package main answers for the real engines: a JSON line with a case on standard input, a JSON line with the answer on standard output.
// It goes on until its input ends.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"runtime/debug"
	"syscall"

	chart3 "helm.sh/helm/v3/pkg/chart"
	chartutil3 "helm.sh/helm/v3/pkg/chartutil"
	engine3 "helm.sh/helm/v3/pkg/engine"
	chart4 "helm.sh/helm/v4/pkg/chart/common"
	chart4v2 "helm.sh/helm/v4/pkg/chart/v2"
	engine4 "helm.sh/helm/v4/pkg/engine"
)

// question is one case.
type question struct {
	// Engine is "helm3", "helm4", "go" (text/template with the functions of table.go) or "printf".
	Engine string
	// Text is the template, or printf's format.
	Text string
	// Raw is the template where it is no UTF-8.
	Raw []byte
	// Values are the values of the chart, or printf's operands.
	Values typed
	// Missing is "zero" or "invalid": Go's missingkey, for "go".
	Missing string
}

// answer holds bytes, since results need not be UTF-8.
type answer struct {
	Output []byte
	Error  []byte
}

func main() {
	log.SetOutput(io.Discard)
	slog.SetDefault(slog.New(slog.DiscardHandler))
	limit := syscall.Rlimit{Cur: 4 << 30, Max: 4 << 30}
	_ = syscall.Setrlimit(syscall.RLIMIT_AS, &limit) // a text without end ends it too
	debug.SetMaxStack(64 << 20)                      // a circle of values ends it soon
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var q question
		if err := decoder.Decode(&q); err == io.EOF {
			return
		} else if err != nil {
			fmt.Fprintln(os.Stderr, "no question:", err)
			os.Exit(1)
		}
		text, err := ask(q)
		a := answer{Output: []byte(text)}
		if err != nil {
			a = answer{Error: []byte(err.Error())}
		}
		if encoder.Encode(a) != nil || out.Flush() != nil {
			return
		}
	}
}

func ask(q question) (string, error) {
	value, err := q.Values.value()
	if err != nil {
		return "", fmt.Errorf("no value: %w", err)
	}
	if q.Raw != nil {
		q.Text = string(q.Raw)
	}
	switch q.Engine {
	case "helm3":
		return helm3(q.Text, value.(map[string]any))
	case "helm4":
		return helm4(q.Text, value.(map[string]any))
	case "go":
		return plain(q.Text, value.(map[string]any), q.Missing)
	case "printf":
		return fmt.Sprintf(q.Text, value.([]any)...), nil
	}
	return "", fmt.Errorf("no engine %q", q.Engine)
}

const file, name = "c/templates/t.yaml", "templates/t.yaml"

func helm3(text string, values map[string]any) (string, error) {
	chart := &chart3.Chart{
		Metadata:  &chart3.Metadata{Name: "c"},
		Templates: []*chart3.File{{Name: name, Data: []byte(text)}},
	}
	files, err := engine3.Render(chart, chartutil3.Values{"Values": chartutil3.Values(values)})
	return files[file], err
}

func helm4(text string, values map[string]any) (string, error) {
	chart := &chart4v2.Chart{
		Metadata:  &chart4v2.Metadata{Name: "c"},
		Templates: []*chart4.File{{Name: name, Data: []byte(text)}},
	}
	files, err := engine4.Render(chart, chart4.Values{"Values": chart4.Values(values)})
	return files[file], err
}
