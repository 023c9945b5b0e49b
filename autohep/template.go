package autohep

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/selector"
)

// template is a template that has been read.
type template struct {
	spec v3.Template
	// title is what messages call it.
	title string
	// selector is nil if it does not parse.
	selector *selector.Selector
	networks []netip.Prefix
	// openNetworks says that some of interfaceCIDRs could not be read.
	openNetworks bool
	// pattern is nil if there is none, or a bad one.
	pattern *regexp.Regexp
	// broken says that the template cannot be followed for any node that it selects.
	broken bool
	// badName says that the names are not valid unless they are hashed, and that this
	// is known already.
	badName bool
}

// readTemplate reads the template that is at number, from 1, in the configuration.
func readTemplate(number int, spec v3.Template) (*template, []Problem) {
	t := &template{spec: *spec.DeepCopy(), title: strconv.Quote(spec.GenerateName)}
	if spec.GenerateName == "" {
		t.title = fmt.Sprintf("number %d (which has no generateName)", number)
	}
	var problems []Problem
	for _, read := range []func() []Problem{t.readSelector, t.readNetworks, t.readPattern, t.readMetadata, t.readName} {
		problems = append(problems, read()...)
	}
	return t, problems
}

func (t *template) readSelector() []Problem {
	var err error
	if t.selector, err = selector.Parse(t.spec.NodeSelector); err != nil {
		t.selector = nil
		return []Problem{badTemplate(t, "nodeSelector %q does not parse (%v)", t.spec.NodeSelector, err)}
	}
	return nil
}

func (t *template) readNetworks() []Problem {
	var problems []Problem
	for i, text := range t.spec.InterfaceCIDRs {
		network, ok := readNetwork(text)
		if !ok {
			t.openNetworks = true
			problems = append(problems, badNetwork(t, i, text))
			continue
		}
		t.networks = append(t.networks, network)
	}
	if len(t.spec.InterfaceCIDRs) == 0 && t.spec.InterfacePattern == "" {
		problems = append(problems, noEffect(t))
	}
	return problems
}

func (t *template) readPattern() []Problem {
	if t.spec.InterfacePattern == "" {
		return nil
	}
	if t.spec.GenerateName == "" {
		t.broken = true
		return []Problem{needsGenerateName(t)}
	}
	var err error
	if t.pattern, err = regexp.Compile(t.spec.InterfacePattern); err != nil {
		t.broken = true
		return []Problem{badTemplate(t, "interfacePattern %q does not parse (%v)", t.spec.InterfacePattern, err)}
	}
	return nil
}

// readMetadata tries the labels and annotations on an endpoint that is valid otherwise.
func (t *template) readMetadata() []Problem {
	probe := newEndpoint("node", "node", v3.AllInterfaces, nil)
	maps.Copy(probe.Labels, t.spec.Labels)
	probe.Labels[v3.LabelCreatedBy] = v3.CreatedByController
	probe.Annotations = t.spec.Annotations
	if errs := resources.HostEndpoint.Validate(probe); len(errs) > 0 {
		t.broken = true
		return []Problem{badTemplate(t, "its labels or annotations are not valid (%s)", reasons(errs))}
	}
	return nil
}

// readName tries the generateName on an endpoint that is valid otherwise.
func (t *template) readName() []Problem {
	if t.spec.GenerateName == "" {
		return nil
	}
	name := "node-" + t.spec.GenerateName + nameSuffix
	if len(name) > maxNameLength {
		return nil
	}
	if errs := resources.HostEndpoint.Validate(newEndpoint(name, "node", v3.AllInterfaces, nil)); len(errs) > 0 {
		t.badName = true
		return []Problem{badGenerateName(t, name, reasons(errs))}
	}
	return nil
}

func (t *template) covers(a address) bool {
	return slices.ContainsFunc(t.networks, func(n netip.Prefix) bool { return n.Contains(a.addr) })
}

// wanted is an endpoint that a template asks for.
type wanted struct {
	iface     string
	addresses []address
}

// endpointsFor lists what the template asks for on a node. The answer is open if a
// mistake in the template leaves it unknown; then there are no endpoints.
func (t *template) endpointsFor(node *v3.Node, host *hostAddresses) (endpoints []wanted, open bool) {
	switch {
	case t.selector == nil:
		return nil, true
	case !t.selector.Matches(node.Labels):
		return nil, false
	case t.broken:
		return nil, true
	}
	var chosen []address
	for _, a := range host.all {
		if t.covers(a) {
			chosen = append(chosen, address{addr: a.addr, text: a.addr.String()})
		} else if t.openNetworks {
			return nil, true
		}
	}
	if t.pattern == nil {
		if len(chosen) == 0 {
			return nil, false
		}
		return []wanted{{addresses: chosen}}, false
	}
	for _, i := range host.interfaces {
		if !t.pattern.MatchString(i.name) {
			continue
		}
		w := wanted{iface: i.name, addresses: slices.Clone(chosen)}
		for _, a := range i.addresses {
			w.addresses = appendAddress(w.addresses, a)
		}
		endpoints = append(endpoints, w)
	}
	return endpoints, false
}

// mayHaveMade tells by its name whether an endpoint of a node can be the template's.
func (t *template) mayHaveMade(node *v3.Node, h *v3.HostEndpoint) bool {
	generateName := t.spec.GenerateName
	if generateName == "" && h.Spec.InterfaceName == v3.AllInterfaces {
		return false // That is a default endpoint.
	}
	if h.Name == endpointName(node.Name, generateName, "") || h.Name == endpointName(node.Name, generateName, h.Spec.InterfaceName) {
		return true
	}
	return slices.ContainsFunc(node.Spec.Interfaces, func(i v3.NodeInterface) bool {
		return h.Name == endpointName(node.Name, generateName, i.Name)
	})
}
