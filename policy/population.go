package policy

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/selector"
)

// labelNamespace is the label by which the namespace of an object can be selected.
const labelNamespace = "projectcalico.org/namespace"

// member is something with labels and addresses that a selector can mean.
type member struct {
	labels    map[string]string
	addresses []netip.Prefix
	endpoint  *v3.HostEndpoint // nil for network sets
	namespace string           // "" for what is global
	// namespaceKnown tells that the labels of the namespace are among the labels.
	namespaceKnown bool
}

// population is everything that has labels. Selectors are evaluated for groups of
// members that agree in the labels a selector mentions, not for each member.
type population struct {
	members   []member
	groupings map[string]*grouping
}

// grouping puts members together that have the same values of some labels.
type grouping struct {
	of    []int32 // The group of each member.
	first []int32 // A member of each group.
}

func newPopulation(s *Snapshot, profiles map[string]*v3.Profile) *population {
	p := &population{groupings: map[string]*grouping{}}
	for _, h := range s.HostEndpoints {
		m := member{labels: inherit(h.Labels, h.Spec.Profiles, profiles), endpoint: h}
		for _, text := range h.Spec.ExpectedIPs {
			if a, err := netip.ParseAddr(text); err == nil {
				a = a.Unmap().WithZone("")
				m.addresses = append(m.addresses, netip.PrefixFrom(a, a.BitLen()))
			}
		}
		p.members = append(p.members, m)
	}
	for _, set := range s.GlobalNetworkSets {
		p.members = append(p.members, member{labels: set.Labels, addresses: networks(set.Spec.Nets)})
	}
	for _, set := range s.NetworkSets {
		labels := map[string]string{labelNamespace: set.Namespace}
		maps.Copy(labels, inherit(set.Labels, []string{"kns." + set.Namespace}, profiles))
		p.members = append(p.members, member{
			labels: labels, addresses: networks(set.Spec.Nets), namespace: set.Namespace,
			namespaceKnown: profiles["kns."+set.Namespace] != nil,
		})
	}
	return p
}

// inherit adds the labels of profiles that an object lacks, those of earlier ones first.
func inherit(own map[string]string, names []string, profiles map[string]*v3.Profile) map[string]string {
	labels, copied := own, false
	for _, name := range names {
		profile := profiles[name]
		if profile == nil {
			continue
		}
		for label, value := range profile.Spec.LabelsToApply {
			if _, has := labels[label]; has {
				continue
			}
			if !copied {
				labels, copied = make(map[string]string, len(own)+1), true
				maps.Copy(labels, own)
			}
			labels[label] = value
		}
	}
	return labels
}

// networks reads addresses and networks; host bits are ignored, and so is what is neither.
func networks(texts []string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range texts {
		if p, ok := network(text); ok {
			out = append(out, p)
		}
	}
	return out
}

func network(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		if p.Addr().Is4In6() {
			if p.Bits() < 96 {
				return netip.Prefix{}, false
			}
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(text)
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), err == nil
}

// grouped is the grouping by some labels, which come sorted.
func (p *population) grouped(names []string) *grouping {
	id := strings.Join(names, "\x00")
	if g := p.groupings[id]; g != nil {
		return g
	}
	g := &grouping{of: make([]int32, len(p.members))}
	groups := map[string]int32{}
	var text []byte
	for i := range p.members {
		text = text[:0]
		for _, name := range names {
			value, has := p.members[i].labels[name]
			if has {
				text = append(text, 1)
			}
			text = append(append(text, value...), 0)
		}
		group, ok := groups[string(text)]
		if !ok {
			group = int32(len(g.first))
			groups[string(text)] = group
			g.first = append(g.first, int32(i))
		}
		g.of[i] = group
	}
	p.groupings[id] = g
	return g
}

// matching says for each member whether the selector is true of it.
type matching struct {
	grouping *grouping
	hits     []bool // For each group.
}

func (m *matching) has(i int) bool { return m.hits[m.grouping.of[i]] }

func (p *population) matching(s *selector.Selector) matching {
	g := p.grouped(s.Labels())
	m := matching{grouping: g, hits: make([]bool, len(g.first))}
	for group, i := range g.first {
		m.hits[group] = s.Matches(p.members[i].labels)
	}
	return m
}

// samePopulation tells whether rule selectors mean the same in two snapshots.
func samePopulation(a, b *Snapshot) bool {
	return same(a.HostEndpoints, b.HostEndpoints, sameEndpoint) &&
		same(a.GlobalNetworkSets, b.GlobalNetworkSets, func(x, y *v3.GlobalNetworkSet) bool {
			return x.Name == y.Name && sameLabels(x.Labels, y.Labels) && slices.Equal(x.Spec.Nets, y.Spec.Nets)
		}) &&
		same(a.NetworkSets, b.NetworkSets, func(x, y *NetworkSet) bool {
			return x.Name == y.Name && x.Namespace == y.Namespace &&
				sameLabels(x.Labels, y.Labels) && slices.Equal(x.Spec.Nets, y.Spec.Nets)
		}) &&
		same(a.Profiles, b.Profiles, func(x, y *v3.Profile) bool {
			return x.Name == y.Name && sameLabels(x.Spec.LabelsToApply, y.Spec.LabelsToApply)
		}) &&
		slices.Equal(a.Workloads, b.Workloads)
}

func sameEndpoint(x, y *v3.HostEndpoint) bool {
	return x.Name == y.Name && sameLabels(x.Labels, y.Labels) &&
		slices.Equal(x.Spec.ExpectedIPs, y.Spec.ExpectedIPs) &&
		slices.Equal(x.Spec.Profiles, y.Spec.Profiles) && slices.Equal(x.Spec.Ports, y.Spec.Ports)
}

// same compares two lists of objects, which are the same object more often than not.
func same[T any](a, b []*T, equal func(x, y *T) bool) bool {
	return slices.EqualFunc(a, b, func(x, y *T) bool { return x == y || equal(x, y) })
}

func sameLabels(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, value := range a {
		if other, has := b[name]; !has || other != value {
			return false
		}
	}
	return true
}
