package autohep

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Planner is a configuration that has been read. It never changes and may be used by
// many goroutines at once.
type Planner struct {
	autoCreate    bool
	createDefault bool
	templates     []*template
}

// NewPlanner reads a configuration. The problems are those of its templates; there are
// none while automatic endpoints are off.
func NewPlanner(config Config) (*Planner, []Problem) {
	p := &Planner{autoCreate: config.AutoCreate, createDefault: config.CreateDefault}
	if !config.AutoCreate {
		return p, nil
	}
	var problems []Problem
	for i, spec := range config.Templates {
		t, more := readTemplate(i+1, spec)
		p.templates = append(p.templates, t)
		problems = append(problems, more...)
	}
	return p, tidy(problems)
}

// AutoCreate tells whether nodes are to have automatic endpoints at all.
func (p *Planner) AutoCreate() bool { return p.autoCreate }

// Names are the names that the node's automatic endpoints may have, those of endpoints that
// would not be valid among them.
func (p *Planner) Names(node *v3.Node) []string {
	if !p.autoCreate {
		return nil
	}
	var names []string
	if p.createDefault {
		names = append(names, endpointName(node.Name, "", ""))
	}
	if len(p.templates) == 0 {
		return names
	}
	host := addressesOf(node)
	for _, t := range p.templates {
		endpoints, _ := t.endpointsFor(node, &host)
		for _, w := range endpoints {
			names = append(names, endpointName(node.Name, t.spec.GenerateName, w.iface))
		}
	}
	return names
}

// decision is what the planner thinks of a node.
type decision struct {
	node *v3.Node
	// existing are stored endpoints by name. One that is as it should be needs no
	// validation, which takes longer than everything else together.
	existing map[string]*v3.HostEndpoint
	host     hostAddresses
	// labels are the node's valid ones, once they have had to be looked through.
	labels   map[string]string
	filtered bool

	// endpoints are those that the node should have, the default one first and then those of the templates in their
	// order. They are new, valid objects.
	endpoints []*v3.HostEndpoint
	// makers are the templates of all names given so far; nil for the default endpoint.
	makers map[string]*template
	// invalid are the names of endpoints that cannot be written.
	invalid []string
	// open are the templates whose meaning for this node is not known.
	open     []*template
	problems []Problem
}

func (p *Planner) look(node *v3.Node, existing map[string]*v3.HostEndpoint) *decision {
	d := &decision{node: node, existing: existing, labels: node.Labels}
	if !p.autoCreate {
		return d
	}
	d.host = addressesOf(node)
	d.problems = d.host.problems
	if p.createDefault {
		d.want(nil, wanted{iface: v3.AllInterfaces, addresses: d.host.all})
	}
	for _, t := range p.templates {
		endpoints, open := t.endpointsFor(node, &d.host)
		if open {
			d.open = append(d.open, t)
		}
		for _, w := range endpoints {
			d.want(t, w)
		}
	}
	return d
}

// want adds an endpoint if its name is free and it is valid.
func (d *decision) want(t *template, w wanted) {
	name := endpointName(d.node.Name, "", "")
	if t != nil {
		name = endpointName(d.node.Name, t.spec.GenerateName, w.iface)
	}
	if maker, taken := d.makers[name]; taken {
		d.problems = append(d.problems, nameTwice(d.node.Name, name, maker, t))
		return
	}
	if d.makers == nil {
		d.makers = make(map[string]*template)
	}
	d.makers[name] = t
	h := d.build(name, t, w)
	errs := d.validate(h)
	if len(errs) > 0 && d.filterLabels() {
		h = d.build(name, t, w)
		errs = d.validate(h)
	}
	if len(errs) == 0 {
		d.endpoints = append(d.endpoints, h)
		return
	}
	d.invalid = append(d.invalid, name)
	if t == nil || !t.badName {
		d.problems = append(d.problems, notValid(h, t, errs))
	}
}

func (d *decision) validate(h *v3.HostEndpoint) field.ErrorList {
	if have := d.existing[h.Name]; have != nil && Same(h, have) {
		return nil
	}
	return resources.HostEndpoint.Validate(h)
}

func (d *decision) build(name string, t *template, w wanted) *v3.HostEndpoint {
	h := newEndpoint(name, d.node.Name, w.iface, w.addresses)
	maps.Copy(h.Labels, d.labels)
	if t != nil {
		maps.Copy(h.Labels, t.spec.Labels)
		if len(t.spec.Annotations) > 0 {
			h.Annotations = maps.Clone(t.spec.Annotations)
		}
	}
	h.Labels[v3.LabelCreatedBy] = v3.CreatedByController
	resources.HostEndpoint.Default(h)
	return h
}

// newEndpoint makes an automatic endpoint without the labels of a node or template.
func newEndpoint(name, node, iface string, addresses []address) *v3.HostEndpoint {
	h := resources.HostEndpoint.New().(*v3.HostEndpoint)
	h.Name = name
	h.Labels = map[string]string{v3.LabelCreatedBy: v3.CreatedByController}
	h.Spec.Node = node
	h.Spec.InterfaceName = iface
	h.Spec.Profiles = []string{v3.ProfileDefaultAllow}
	for _, a := range addresses {
		h.Spec.ExpectedIPs = append(h.Spec.ExpectedIPs, a.text)
	}
	return h
}

// filterLabels drops the labels of the node that endpoints cannot have, once, and tells
// whether there were any.
func (d *decision) filterLabels() bool {
	if d.filtered {
		return false
	}
	d.filtered = true
	good := make(map[string]string, len(d.node.Labels))
	for key, value := range d.node.Labels {
		probe := newEndpoint("node", "node", v3.AllInterfaces, nil)
		probe.Labels = map[string]string{key: value}
		if errs := resources.HostEndpoint.Validate(probe); len(errs) > 0 {
			d.problems = append(d.problems, badNodeLabel(d.node.Name, key, value, reasons(errs)))
			continue
		}
		good[key] = value
	}
	dropped := len(good) < len(d.labels)
	d.labels = good
	return dropped
}

// keeps tells whether an automatic endpoint of this node that is not among endpoints has to stay
// as it is, because of a mistake in what it was made from.
func (d *decision) keeps(h *v3.HostEndpoint) bool {
	return slices.Contains(d.invalid, h.Name) || slices.ContainsFunc(d.open, func(t *template) bool {
		return t.mayHaveMade(d.node, h)
	})
}
