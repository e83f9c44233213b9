package main

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// typed is a value with its Go type: numbers are written as texts, so that none loses a bit.
type typed struct {
	K string
	V json.RawMessage
}

func (t typed) value() (any, error) {
	if t.K == "" || t.K == "nil" {
		return nil, nil
	}
	if t.K == "list" {
		return each[[]typed](t.V, func(items []typed) (any, error) {
			list := make([]any, len(items))
			for i, item := range items {
				var err error
				if list[i], err = item.value(); err != nil {
					return nil, err
				}
			}
			return list, nil
		})
	}
	if t.K == "map" {
		return each[map[string]typed](t.V, func(items map[string]typed) (any, error) {
			table := make(map[string]any, len(items))
			for key, item := range items {
				var err error
				if table[key], err = item.value(); err != nil {
					return nil, err
				}
			}
			return table, nil
		})
	}
	if t.K == "strings" {
		return each[[]string](t.V, func(items []string) (any, error) { return items, nil })
	}
	if t.K == "raw" {
		return each[[]byte](t.V, func(bytes []byte) (any, error) { return string(bytes), nil })
	}
	if t.K == "bool" {
		return each[bool](t.V, func(is bool) (any, error) { return is, nil })
	}
	return each[string](t.V, func(text string) (any, error) {
		switch t.K {
		case "string":
			return text, nil
		case "bytes":
			return []byte(text), nil
		case "float":
			return strconv.ParseFloat(text, 64)
		case "int":
			return strconv.Atoi(text)
		case "int64":
			return strconv.ParseInt(text, 10, 64)
		case "uint64":
			if number, err := strconv.ParseInt(text, 10, 64); err == nil {
				return uint64(number), nil // a negative number gives its bits
			}
			return strconv.ParseUint(text, 10, 64)
		}
		return nil, fmt.Errorf("no kind %q", t.K)
	})
}

func each[T any](raw json.RawMessage, make func(T) (any, error)) (any, error) {
	var content T
	if err := json.Unmarshal(raw, &content); err != nil {
		return nil, err
	}
	return make(content)
}
