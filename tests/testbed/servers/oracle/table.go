package main

import (
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"
)

// Values is a named map with methods.
type Values map[string]any

func (v Values) AsMap() map[string]any { return v }
func (v Values) Pick(key string) any   { return v[key] }

// Thing has fields and methods.
type Thing struct {
	Name  string
	Inner map[string]any
	None  any
}

func (t *Thing) Greet(name string) string { return "hello " + name }
func (t *Thing) Sum(first int, rest ...int) int {
	for _, number := range rest {
		first += number
	}
	return first
}
func (t *Thing) Fail() (string, error) { return "", errors.New("thing is broken") }
func (t *Thing) String() string        { return "thing:obj" }

// plain executes a text with the functions and the data of src/template/tests.rs.
func plain(text string, values map[string]any, missing string) (string, error) {
	data := map[string]any{
		"Values": Values(values),
		"Obj":    &Thing{Name: "obj", Inner: map[string]any{"k": 1}},
		"Plain":  values,
		"Dur":    90 * time.Second,
		"When":   time.Date(2024, 2, 29, 12, 30, 15, 120000000, time.UTC),
	}
	removed := ""
	if missing == "invalid" {
		removed = "<no value>"
	}
	set := template.New("gotpl").Option("missingkey=" + missing)
	set.Funcs(functions()).Funcs(nesting(set, missing, removed, map[string]int{}))
	_, err := set.New("x.yaml").Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = set.ExecuteTemplate(&out, "x.yaml", data)
	return strings.ReplaceAll(out.String(), "<no value>", removed), err
}

func functions() template.FuncMap {
	return template.FuncMap{
		"dict": func(pairs ...any) map[string]any {
			made := map[string]any{}
			for ; len(pairs) >= 2; pairs = pairs[2:] {
				made[fmt.Sprint(pairs[0])] = pairs[1]
			}
			return made
		},
		"list": func(items ...any) []any { return items },
		"set": func(table map[string]any, key string, value any) map[string]any {
			table[key] = value
			return table
		},
		"upper": strings.ToUpper,
		"trunc": func(count int, text string) string {
			if count >= 0 && len(text) > count {
				return text[:count]
			}
			return text
		},
		"i64": func(number int64) int64 { return number },
		"until": func(count int) []int {
			made := []int{}
			for i := 0; i < count; i++ {
				made = append(made, i)
			}
			return made
		},
		"strs":    func(items ...string) []string { return items },
		"smap":    func() map[string]string { return map[string]string{"k": "v"} },
		"float":   func(number float64) float64 { return number },
		"nothing": func() any { return nil },
		"id":      func(value any) any { return value },
		"fails":   func(text string) (string, error) { return "", errors.New("failed with " + text) },
		"bytes":   func(text string) []byte { return []byte(text) },
		"u64":     func(number int64) uint64 { return uint64(number) },
		"flag":    func(is bool) string { return fmt.Sprint("flag ", is) },
		"maplen":  func(table map[string]any) int { return len(table) },
		"listlen": func(items []any) int { return len(items) },
		"typeOf":  func(value any) string { return fmt.Sprintf("%T", value) },
		"default": func(other any, given ...any) any {
			if len(given) == 0 || given[0] == nil || given[0] == "" {
				return other
			}
			return given[0]
		},
		"fail": func(text string) (string, error) { return "", errors.New(text) },
	}
}

// nesting gives include and tpl, as Helm has them.
func nesting(set *template.Template, missing, removed string, depth map[string]int) template.FuncMap {
	return template.FuncMap{
		"include": func(name string, data any) (string, error) {
			if depth[name] > 1000 {
				return "", fmt.Errorf("rendering template has a nested reference name: %s: unable to execute template", name)
			}
			depth[name]++
			var out strings.Builder
			err := set.ExecuteTemplate(&out, name, data)
			depth[name]--
			return out.String(), err
		},
		"tpl": func(text string, data any) (string, error) {
			inner, err := set.Clone()
			if err != nil {
				return "", err
			}
			inner.Option("missingkey=" + missing).Funcs(nesting(inner, missing, removed, depth))
			parsed, err := inner.New(set.Name()).Parse(text)
			if err != nil {
				return "", fmt.Errorf("cannot parse template %q: %w", text, err)
			}
			var out strings.Builder
			if err := parsed.Execute(&out, data); err != nil {
				return "", fmt.Errorf("error during tpl function execution for %q: %w", text, err)
			}
			return strings.ReplaceAll(out.String(), "<no value>", removed), nil
		},
	}
}
