package commands

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// flowEntry changes one of the vital flows, or adds one.
type flowEntry struct {
	// Name is that of the flow to change, or a new one.
	Name string `json:"name"`
	// Ignore leaves the flow out.
	Ignore bool   `json:"ignore,omitempty"`
	Why    string `json:"why,omitempty"`
	// Protocol is a name or a number, and Ports are those of the nodes that accept connections.
	Protocol *v3.Protocol `json:"protocol,omitempty"`
	Ports    []v3.Port    `json:"ports,omitempty"`
	// From and To are the other ends: networks, or one of "anywhere", "nodes", "control plane" and, in From, "the node itself".
	From []string `json:"from,omitempty"`
	To   []string `json:"to,omitempty"`
	// ControlPlane restricts a new flow to the nodes of the control plane.
	ControlPlane bool `json:"controlPlane,omitempty"`
}

// readFlows changes the vital flows as a file says: a list of entries, in YAML or JSON.
func readFlows(file string, flows []vitalFlow) ([]vitalFlow, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var entries []flowEntry
	if err := yaml.UnmarshalStrict(text, &entries); err != nil {
		return nil, fmt.Errorf("%s: a list of flows is expected, each with a name: %w", file, err)
	}
	var problems field.ErrorList
	for i, e := range entries {
		at := field.NewPath(fmt.Sprintf("[%d]", i))
		index := slices.IndexFunc(flows, func(f vitalFlow) bool { return strings.EqualFold(f.name, e.Name) })
		switch {
		case e.Name == "":
			problems = append(problems, field.Required(at.Child("name"), "write the name of a flow"))
		case index >= 0 && e.Ignore:
			flows = slices.Delete(slices.Clone(flows), index, index+1)
		case e.Ignore:
			problems = append(problems, field.Invalid(at.Child("name"), e.Name, "there is no such flow to leave out"+nearestFlow(e.Name, flows)))
		case index >= 0 && e.ControlPlane:
			problems = append(problems, field.Forbidden(at.Child("controlPlane"), "this is for new flows; the flow "+flows[index].name+" has its own nodes"))
		case index >= 0:
			problems = append(problems, e.change(&flows[index], at)...)
		default:
			f := vitalFlow{name: e.Name, why: "the file of vital flows names it", masters: e.ControlPlane}
			problems = append(problems, e.complete(at)...)
			problems = append(problems, e.change(&f, at)...)
			flows = append(flows, f)
		}
	}
	if len(problems) > 0 {
		lines := make([]string, len(problems))
		for i, p := range problems {
			lines[i] = file + ": " + p.Error()
		}
		return nil, errors.New(strings.Join(lines, "\n"))
	}
	return flows, nil
}

func nearestFlow(name string, flows []vitalFlow) string {
	names := make([]string, len(flows))
	for i, f := range flows {
		names[i] = f.name
	}
	if near, ok := resources.Nearest(name, names); ok {
		return "; did you mean " + near + "?"
	}
	return "; there are " + strings.Join(names, ", ")
}

// complete says what a new flow lacks.
func (e flowEntry) complete(at *field.Path) (problems field.ErrorList) {
	if e.Protocol == nil {
		problems = append(problems, field.Required(at.Child("protocol"), "a new flow needs a protocol, such as TCP"))
	}
	if len(e.From)+len(e.To) == 0 {
		problems = append(problems, field.Required(at.Child("from"), "a new flow needs from or to"))
	}
	return problems
}

// change lays what the entry says over a flow.
func (e flowEntry) change(f *vitalFlow, at *field.Path) (problems field.ErrorList) {
	if e.Why != "" {
		f.why = e.Why
	}
	if e.Protocol != nil {
		number := e.Protocol.Number()
		if number == 0 {
			problems = append(problems, field.Invalid(at.Child("protocol"), e.Protocol.String(), "write "+strings.Join(v3.ProtocolNames(), ", ")+" or a number"))
		}
		f.protocol, f.ports = uint16(number), nil
	}
	if len(e.Ports) > 0 {
		f.ports = nil
		for i, p := range e.Ports {
			if ranged, err := v3.PortFromString(strings.Replace(p.Name, "-", ":", 1)); err == nil && ranged.Name == "" { // as in files of tests
				p = ranged
			}
			if p.Name != "" || p.Min > p.Max {
				problems = append(problems, field.Invalid(at.Child("ports").Index(i), p.String(), "write a port, or a range such as 2379:2381"))
			}
			f.ports = append(f.ports, policy.Range{First: p.Min, Last: p.Max})
		}
	}
	if len(e.Ports) > 0 && !slices.Contains([]uint16{0, 6, 17, 132}, f.protocol) { // 0 is told already
		problems = append(problems, field.Forbidden(at.Child("ports"), "only TCP, UDP and SCTP have ports"))
	}
	if len(e.From) > 0 {
		problems = append(problems, f.peers.set(e.From, at.Child("from"), peersItself)...)
	}
	if len(e.To) > 0 {
		problems = append(problems, f.targets.set(e.To, at.Child("to"))...)
	}
	return problems
}

// set reads one word for the other ends, or their networks.
func (o *others) set(words []string, at *field.Path, more ...string) (problems field.ErrorList) {
	known := append([]string{peersAnywhere, peersNodes, peersMasters}, more...)
	*o = others{}
	if len(words) == 1 && slices.Contains(known, words[0]) {
		o.who = words[0]
		return nil
	}
	for i, word := range words {
		network, err := unmaskedNetwork(word)
		if err != nil {
			problems = append(problems, field.Invalid(at.Index(i), word, "write networks such as 10.0.0.0/8, or one of: "+strings.Join(known, ", ")))
			continue
		}
		o.networks = append(o.networks, network.Masked())
	}
	return problems
}
