package resources

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// indispensable is what a configuration cannot be understood without: its identity, and which host endpoints there
// should be. What is above it cannot be left out either.
var indispensable = []string{"apiVersion", "kind", "metadata", "spec.controllers.node.hostEndpoint"}

// mendKubeControllersConfiguration takes out what is broken of other controllers, and durations.
func mendKubeControllersConfiguration(body []byte) (rest []byte, remarks []string, ok bool) {
	m := mender{keep: indispensable}
	rest, ok = m.mend("", body, func(body []byte) error {
		return json.Unmarshal(body, &v3.KubeControllersConfiguration{})
	})
	return rest, m.remarks, ok && len(m.remarks) > 0
}

// mender takes fields out of a JSON document until the rest can be read.
type mender struct {
	// keep are the paths of fields that are never taken out.
	keep    []string
	remarks []string
}

// mend gives as much of a value as fits.
func (m *mender) mend(path string, value []byte, fits func([]byte) error) (rest []byte, ok bool) {
	why := fits(value)
	if why == nil {
		return value, true
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(value, &fields) == nil && fields != nil && fits([]byte("{}")) == nil {
		return m.mendFields(path, fields, fits)
	}
	if m.keeps(path) {
		return nil, false
	}
	m.remarks = append(m.remarks, fmt.Sprintf("%s is %s, which cannot be understood and is left out, as if it were not there (%v). Correct it or remove it.",
		path, compact(value), why))
	return nil, true
}

func (m *mender) mendFields(path string, fields map[string]json.RawMessage, fits func([]byte) error) ([]byte, bool) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		alone := func(value []byte) error {
			text, err := json.Marshal(map[string]json.RawMessage{name: value})
			if err != nil {
				return err
			}
			return fits(text)
		}
		below := strings.TrimPrefix(path+"."+name, ".")
		rest, ok := m.mend(below, fields[name], alone)
		switch {
		case !ok:
			return nil, false
		case rest == nil:
			delete(fields, name)
		default:
			fields[name] = rest
		}
	}
	text, err := json.Marshal(fields)
	return text, err == nil && fits(text) == nil
}

// keeps tells whether a path is to be kept, or is above one that is, or below.
func (m *mender) keeps(path string) bool {
	return path == "" || slices.ContainsFunc(m.keep, func(keep string) bool {
		return path == keep || strings.HasPrefix(keep, path+".") || strings.HasPrefix(path, keep+".")
	})
}

// compact is a value on one line, and not too much of it.
func compact(value []byte) string {
	const most = 100
	var text bytes.Buffer
	if err := json.Compact(&text, value); err != nil || text.Len() > most {
		return "a value"
	}
	return text.String()
}
