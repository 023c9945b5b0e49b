package autohep

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Problem is something that keeps the plan from being what the configuration asks for.
type Problem struct {
	// Node, Template (its generateName) and Endpoint are what it is about; empty where
	// it is not about one.
	Node, Template, Endpoint string
	// Text says in whole sentences what is wrong and what to do. It names what it is
	// about, on one line, and quotes what others wrote.
	Text string
}

// tidy sorts problems and drops repetitions.
func tidy(problems []Problem) []Problem {
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Node, b.Node), cmp.Compare(a.Template, b.Template),
			cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(problems)
}

func noAddress(node, field, text string) Problem {
	return Problem{Node: node, Text: fmt.Sprintf(
		"Node %q: %s is %q, which is no IP address, and is left out of its host endpoints. Correct it or remove it.",
		node, field, text)}
}

func notPlain(node, field, text, taken string) Problem {
	return Problem{Node: node, Text: fmt.Sprintf(
		"Node %q: %s is %q, where an address without prefix length belongs. Its host endpoints use %s. Write the address alone.",
		node, field, text, taken)}
}

func badNodeLabel(node, key, value, why string) Problem {
	return Problem{Node: node, Text: fmt.Sprintf(
		"Node %q: the label %q with the value %q is not valid and is left out of its host endpoints (%s). Correct it or remove it.",
		node, key, value, why)}
}

// badTemplate is about a mistake that leaves open what a template means.
func badTemplate(t *template, format string, args ...any) Problem {
	return Problem{Template: t.spec.GenerateName, Text: fmt.Sprintf(
		"Template %s: %s. Until that is corrected it makes no new host endpoints, and those it has made stay as they are.",
		t.title, fmt.Sprintf(format, args...))}
}

func needsGenerateName(t *template) Problem {
	return Problem{Text: fmt.Sprintf(
		"Template %s: it has an interfacePattern and makes no host endpoints until it has a generateName.", t.title)}
}

func badNetwork(t *template, at int, text string) Problem {
	return Problem{Template: t.spec.GenerateName, Text: fmt.Sprintf(
		"Template %s: interfaceCIDRs[%d] is %q, which is neither a network nor an IP address. "+
			"Until that is corrected, nodes with addresses outside its other networks get no new host endpoints from it, "+
			"and those they have from it stay as they are.",
		t.title, at, text)}
}

func noEffect(t *template) Problem {
	return Problem{Template: t.spec.GenerateName, Text: fmt.Sprintf(
		"Template %s: it has neither interfaceCIDRs nor interfacePattern and makes no host endpoints. Give it one of them, or remove it.",
		t.title)}
}

func badGenerateName(t *template, name, why string) Problem {
	return Problem{Template: t.spec.GenerateName, Text: fmt.Sprintf(
		"Template %s: its generateName leads to names that are not valid, such as %q (%s). "+
			"It makes no host endpoints unless the whole name is so long that it is hashed. Change generateName.",
		t.title, name, why)}
}

// notValid is about an endpoint that no datastore would take.
func notValid(h *v3.HostEndpoint, t *template, errs field.ErrorList) Problem {
	p := Problem{Node: h.Spec.Node, Endpoint: h.Name}
	advice := "Correct the node."
	if t != nil {
		p.Template = t.spec.GenerateName
		advice = fmt.Sprintf("Correct the node or template %s.", t.title)
		if t.pattern != nil && h.Spec.InterfaceName != "" {
			advice = fmt.Sprintf("Narrow the interfacePattern of template %s so that it leaves out interface %q, or rename the interface.",
				t.title, h.Spec.InterfaceName)
		}
	}
	p.Text = fmt.Sprintf("Node %q: its host endpoint %q would not be valid and is not written (%s). %s",
		h.Spec.Node, h.Name, reasons(errs), advice)
	return p
}

// nameTwice is about two endpoints of one node that would have the same name.
func nameTwice(node, name string, winner, loser *template) Problem {
	holder := "the default host endpoint"
	if winner != nil {
		holder = "one of template " + winner.title
	}
	return Problem{Node: node, Template: loser.spec.GenerateName, Endpoint: name, Text: fmt.Sprintf(
		"Node %q: template %s would make a host endpoint named %q, but that is the name of %s, which comes first. "+
			"Change generateName.",
		node, loser.title, name, holder)}
}

// nameOnTwoNodes is about endpoints of two nodes that would have the same name.
func nameOnTwoNodes(winner, loser, name string) Problem {
	return Problem{Node: loser, Endpoint: name, Text: fmt.Sprintf(
		"Node %q: it would have a host endpoint named %q, but that is the name of one of node %q. "+
			"Change generateName in the template that makes it.",
		loser, name, winner)}
}

// nameTaken is about an endpoint that has the name of one that is wanted, and is not
// automatic.
func nameTaken(want, have *v3.HostEndpoint) Problem {
	state := "is needed, but there is one of that name that is not automatic. It is left alone, and the node does without. To hand it over"
	if sameExceptMark(want, have) {
		state = "is as it should be, but its label " + v3.LabelCreatedBy +
			" has been changed, so it does not follow its node any more. To give it back"
	}
	return Problem{Node: want.Spec.Node, Endpoint: want.Name, Text: fmt.Sprintf(
		"Node %q: host endpoint %q %s: calicoctl label hostendpoint %s %s=%s --overwrite. Or delete it, and it is made anew.",
		want.Spec.Node, want.Name, state, want.Name, v3.LabelCreatedBy, v3.CreatedByController)}
}

// nameLeaving is about an endpoint that is needed while an older one of its name, automatic or not, is being deleted.
func nameLeaving(want, have *v3.HostEndpoint) Problem {
	state := "is"
	if !Owned(have) && !lostMark(want, have) {
		state = "is needed, but there is one of that name that is not automatic. That one is"
	}
	return Problem{Node: want.Spec.Node, Endpoint: want.Name, Text: fmt.Sprintf(
		"Node %q: host endpoint %q %s being deleted, and waits for its finalizers %q. It is made anew when it is gone.",
		want.Spec.Node, want.Name, state, have.Finalizers)}
}

// reasons puts what is wrong with an object in one line, without the advice that
// follows it: that is for people who write endpoints by hand.
func reasons(errs field.ErrorList) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		text, _, _ := strings.Cut(err.Detail, "; ")
		if text == "" {
			text = err.ErrorBody()
		}
		texts[i] = err.Field + ": " + strings.Join(strings.Fields(text), " ")
	}
	return strings.Join(texts, "; ")
}
