package commands

import (
	"errors"
	"fmt"
	"strings"

	"github.com/edfb3db0/calicoctl/manifest"
)

// outcome is what calicoctl says at the end of a command about many objects.
type outcome struct {
	// verb and past are "apply" and "applied".
	verb, past string
	// kind is the name of the one kind of all objects, or empty if there are several.
	kind string
	// total objects were given and ok of them were handled.
	total, ok int
	// errs say what is wrong with the others.
	errs []string
}

// kindOf names the one kind of all items.
func kindOf(items []manifest.Item) string {
	for _, item := range items {
		if item.Kind != items[0].Kind {
			return ""
		}
	}
	return items[0].Kind.Name
}

// quoted is " 'Kind'", or nothing for several kinds.
func (o outcome) quoted() string {
	if o.kind == "" {
		return ""
	}
	return " '" + o.kind + "'"
}

// report writes the success, whole or partial, to standard output and returns the rest
// as the command's error.
func (o outcome) report(d *Deps) error {
	if len(o.errs) == 0 {
		_, err := fmt.Fprintf(d.Out, "Successfully %s %d%s resource(s)\n", o.past, o.ok, o.quoted())
		return err
	}
	if o.ok > 0 {
		if _, err := fmt.Fprintf(d.Out, "Partial success: %s %d out of %d%s resources\n", o.past, o.ok, o.total, o.quoted()); err != nil {
			return err
		}
	}
	return errors.New(o.failure() + "\n" + strings.Join(o.errs, "\n"))
}

// failure begins as calicoctl's own message does.
func (o outcome) failure() string {
	switch {
	case o.total == 1:
		return fmt.Sprintf("failed to %s%s resource:", o.verb, o.quoted())
	case o.ok == 0:
		return fmt.Sprintf("failed to %s any%s resources:", o.verb, o.quoted())
	default:
		return "hit error:"
	}
}
