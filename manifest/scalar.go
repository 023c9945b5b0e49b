package manifest

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

type scalarKind int

const (
	scalarString scalarKind = iota
	scalarNull
	scalarBool
	scalarInt
	scalarFloat
)

// scalar is a YAML scalar with the meaning that YAML 1.1 gives it, which is what
// Calico's manifests are written for: "yes" is a boolean, 0x10 and 010 are numbers.
type scalar struct {
	kind scalarKind
	// text is the value in JSON's notation, without quotes for strings.
	text string
}

var yamlFloat = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

func resolve(n *yaml.Node) scalar {
	plain := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	if !plain || n.Style&yaml.TaggedStyle != 0 && n.ShortTag() == "!!str" {
		return scalar{scalarString, n.Value}
	}
	switch n.Value {
	case "", "~", "null", "Null", "NULL":
		return scalar{scalarNull, "null"}
	case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE":
		return scalar{scalarBool, "true"}
	case "n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE":
		return scalar{scalarBool, "false"}
	}
	if strings.IndexByte("+-.0123456789", n.Value[0]) >= 0 {
		if number, ok := resolveNumber(n.Value); ok {
			return number
		}
	}
	return scalar{scalarString, n.Value}
}

func resolveNumber(value string) (scalar, bool) {
	plain := strings.ReplaceAll(value, "_", "")
	if !strings.ContainsAny(plain, "./:") { // as in addresses
		if i, err := strconv.ParseInt(plain, 0, 64); err == nil {
			return scalar{scalarInt, strconv.FormatInt(i, 10)}, true
		}
		if u, err := strconv.ParseUint(plain, 0, 64); err == nil {
			return scalar{scalarInt, strconv.FormatUint(u, 10)}, true
		}
	}
	if !yamlFloat.MatchString(plain) {
		return scalar{}, false
	}
	f, err := strconv.ParseFloat(plain, 64)
	if err != nil || math.IsInf(f, 0) {
		return scalar{}, false
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return scalar{scalarInt, strconv.FormatFloat(f, 'f', -1, 64)}, true
	}
	return scalar{scalarFloat, strconv.FormatFloat(f, 'g', -1, 64)}, true
}
