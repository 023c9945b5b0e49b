package autohep

import (
	"cmp"
	"maps"
	"slices"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Changes are what has to be written so that the automatic endpoints are right, each
// list sorted by name.
type Changes struct {
	// Create are new objects.
	Create []*v3.HostEndpoint
	// Update are new versions of stored objects. What does not belong to automatic
	// endpoints, such as resource version, uid, owners and finalizers, is as stored.
	Update []*v3.HostEndpoint
	// Delete are stored objects.
	Delete []*v3.HostEndpoint
}

// Empty tells whether there is nothing to write.
func (c Changes) Empty() bool { return len(c.Create)+len(c.Update)+len(c.Delete) == 0 }

// Owned tells whether an endpoint is automatic.
func Owned(h *v3.HostEndpoint) bool { return h.Labels[v3.LabelCreatedBy] == v3.CreatedByController }

// Leaving tells whether an endpoint is being deleted, and is there only until its finalizers are done.
func Leaving(h *v3.HostEndpoint) bool { return h.DeletionTimestamp != nil }

// Plan tells what has to be written so that the automatic endpoints of all nodes are
// right. The nodes and the existing endpoints must be complete and have names of their
// own; their order does not matter, and they are neither changed nor kept, but for
// those that Changes.Delete lists. The problems are sorted.
func Plan(nodes []*v3.Node, existing []*v3.HostEndpoint, config Config) (Changes, []Problem) {
	planner, problems := NewPlanner(config)
	changes, more := planner.Plan(nodes, existing)
	return changes, tidy(append(problems, more...))
}

// Plan is the function Plan without the problems of the templates. It can plan for some
// of the nodes only: then existing must be the endpoints that are on these nodes, on
// nodes that are gone, or have one of the Names of these nodes.
func (p *Planner) Plan(nodes []*v3.Node, existing []*v3.HostEndpoint) (Changes, []Problem) {
	s := settling{
		existing: make(map[string]*v3.HostEndpoint, len(existing)),
		claims:   make(map[string]*v3.HostEndpoint, len(nodes)),
		keeping:  map[string]*decision{},
	}
	for _, h := range existing {
		s.existing[h.Name] = h
	}
	inOrder := slices.SortedFunc(slices.Values(nodes), func(a, b *v3.Node) int { return cmp.Compare(a.Name, b.Name) })
	for _, node := range inOrder {
		s.claim(p.look(node, s.existing))
	}
	return s.settle(), tidy(s.problems)
}

// settling brings together what nodes should have and what there is.
type settling struct {
	existing map[string]*v3.HostEndpoint
	// claims are the endpoints that there should be, by name.
	claims map[string]*v3.HostEndpoint
	// keeping are, by node, the decisions because of which something may have to stay.
	keeping  map[string]*decision
	problems []Problem
}

// claim enters the endpoints of a node. A name that another node wants too stays with
// the node that has it, or with the one that came first.
func (s *settling) claim(d *decision) {
	s.problems = append(s.problems, d.problems...)
	if len(d.open)+len(d.invalid) > 0 {
		s.keeping[d.node.Name] = d
	}
	for _, h := range d.endpoints {
		other, taken := s.claims[h.Name]
		switch {
		case !taken:
			s.claims[h.Name] = h
		case s.has(h.Spec.Node, h.Name):
			s.claims[h.Name] = h
			s.problems = append(s.problems, nameOnTwoNodes(h.Spec.Node, other.Spec.Node, h.Name))
		default:
			s.problems = append(s.problems, nameOnTwoNodes(other.Spec.Node, h.Spec.Node, h.Name))
		}
	}
}

// has tells whether an automatic endpoint of that name exists on the node.
func (s *settling) has(node, name string) bool {
	have := s.existing[name]
	return have != nil && Owned(have) && have.Spec.Node == node
}

func (s *settling) settle() Changes {
	var c Changes
	for _, name := range slices.Sorted(maps.Keys(s.claims)) {
		want, have := s.claims[name], s.existing[name]
		switch {
		case have == nil:
			c.Create = append(c.Create, want)
		case Leaving(have):
			s.problems = append(s.problems, nameLeaving(want, have))
		case !Owned(have) && !lostMark(want, have):
			s.problems = append(s.problems, nameTaken(want, have))
		case !Same(want, have):
			c.Update = append(c.Update, repaired(want, have))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.existing)) {
		have := s.existing[name]
		if _, claimed := s.claims[name]; claimed || !Owned(have) || Leaving(have) {
			continue
		}
		if d := s.keeping[have.Spec.Node]; d == nil || !d.keeps(have) {
			c.Delete = append(c.Delete, have)
		}
	}
	return c
}

// Same compares all that belongs to an automatic endpoint. Nil and empty are the same.
func Same(a, b *v3.HostEndpoint) bool {
	return maps.Equal(a.Labels, b.Labels) && sameExceptLabels(a, b)
}

// sameExceptMark is same, but for the label that makes an endpoint automatic.
func sameExceptMark(a, b *v3.HostEndpoint) bool {
	labels := func(h *v3.HostEndpoint) map[string]string {
		rest := maps.Clone(h.Labels)
		delete(rest, v3.LabelCreatedBy)
		return rest
	}
	return maps.Equal(labels(a), labels(b)) && sameExceptLabels(a, b)
}

// lostMark tells of an automatic endpoint from which nothing but the label that makes it one was removed.
func lostMark(want, have *v3.HostEndpoint) bool {
	_, marked := have.Labels[v3.LabelCreatedBy]
	return !marked && sameExceptMark(want, have)
}

func sameExceptLabels(a, b *v3.HostEndpoint) bool {
	return maps.Equal(a.Annotations, b.Annotations) &&
		a.Spec.Node == b.Spec.Node &&
		a.Spec.InterfaceName == b.Spec.InterfaceName &&
		slices.Equal(a.Spec.ExpectedIPs, b.Spec.ExpectedIPs) &&
		slices.Equal(a.Spec.Profiles, b.Spec.Profiles) &&
		slices.Equal(a.Spec.Ports, b.Spec.Ports)
}

// repaired is the stored object with the content that it should have.
func repaired(want, have *v3.HostEndpoint) *v3.HostEndpoint {
	h := have.DeepCopy()
	h.TypeMeta = want.TypeMeta
	h.Labels = want.Labels
	h.Annotations = want.Annotations
	h.Spec = want.Spec
	return h
}
