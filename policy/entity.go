package policy

import (
	"net/netip"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/selector"
)

// selectors remembers parsed selectors; one that does not parse is nil.
type selectors struct{ parsed map[string]*selector.Selector }

func (s *selectors) parse(expr string) *selector.Selector {
	if have, ok := s.parsed[expr]; ok {
		return have
	}
	parsed, err := selector.Parse(expr)
	if err != nil {
		parsed = nil
	}
	s.parsed[expr] = parsed
	return parsed
}

// addressSet is addresses of both families.
type addressSet struct{ v4, v6 []interval }

func (s *addressSet) add(prefixes ...netip.Prefix) {
	for _, p := range prefixes {
		if p.Addr().Is4() {
			s.v4 = append(s.v4, prefixInterval(p))
		} else {
			s.v6 = append(s.v6, prefixInterval(p))
		}
	}
}

func (s *addressSet) empty() bool { return len(s.v4)+len(s.v6) == 0 }

// inAddresses is the packets with the source or destination in the set.
func (t *table) inAddresses(l level, s addressSet) ref {
	return t.perFamily(t.split(l, s.v4, full), t.split(l, s.v6, full))
}

// entityKey is what a rule says about the labels at one end of a flow.
type entityKey struct {
	level                         level
	selector, notSelector, spaces string
	serviceAccounts               bool
}

// addressPair is the packets whose address certainly fits, and those whose may.
type addressPair struct {
	sure, upper ref
	reason      string
}

// Reasons for what cannot be known from the objects of a snapshot.
const (
	whyServiceAccount = "which addresses have a service account cannot be known here"
	whyWorkload       = "the address may be that of a workload, whose labels and namespace are not known here"
	whyNamespace      = "the labels of the namespace are not known here"
	whySelector       = "the selector cannot be read"
)

// selected is the criterion of selector, notSelector, namespaceSelector and
// serviceAccounts, which are one expression about one object.
func (c *compiler) selected(side string, l level, in *v3.EntityRule) field {
	name := ".selector"
	switch {
	case in.Selector != "":
	case in.NamespaceSelector != "":
		name = ".namespaceSelector"
	case in.ServiceAccounts != nil:
		name = ".serviceAccounts"
	default:
		name = ".notSelector"
	}
	k := entityKey{
		level: l, selector: in.Selector, notSelector: in.NotSelector, spaces: in.NamespaceSelector,
		serviceAccounts: in.ServiceAccounts != nil,
	}
	pair, ok := c.entities[k]
	if !ok {
		pair = c.resolve(k)
		c.entities[k] = pair
	}
	return field{side + name, pair.sure, pair.upper, pair.reason}
}

func (c *compiler) resolve(k entityKey) addressPair {
	if k.selector == "" && k.spaces == "" && !k.serviceAccounts {
		// A negation alone is about addresses, not about objects: it matches all that do
		// not belong to the selected ones.
		k.selector, k.notSelector = k.notSelector, ""
		excluded := c.objects(k)
		return addressPair{c.not(excluded.upper), c.not(excluded.sure), excluded.reason}
	}
	return c.objects(k)
}

// objects is the addresses of the objects that an expression selects.
func (c *compiler) objects(k entityKey) addressPair {
	if k.serviceAccounts {
		return addressPair{empty, c.possibleWorkloads(k.level), whyServiceAccount}
	}
	positive, negative, spaces := c.selectors.parse(k.selector), c.selectors.parse(k.notSelector), c.selectors.parse(k.spaces)
	if positive == nil || negative == nil || spaces == nil {
		return addressPair{empty, full, whySelector}
	}
	global := spaces.String() == "global()"
	is, not := c.population.matching(positive), c.population.matching(negative)
	var sure, maybe addressSet
	reason := ""
	for i := range c.population.members {
		if !is.has(i) || k.notSelector != "" && not.has(i) {
			continue
		}
		m := &c.population.members[i]
		fits, certain := true, true
		if k.spaces != "" {
			fits, certain = m.inNamespace(spaces, global)
		}
		if !certain {
			maybe.add(m.addresses...)
			reason = whyNamespace
		} else if fits {
			sure.add(m.addresses...)
		}
	}
	if !global && !c.workloads.empty() {
		maybe.v4 = append(maybe.v4, c.workloads.v4...)
		maybe.v6 = append(maybe.v6, c.workloads.v6...)
		reason = whyWorkload
	}
	pair := addressPair{sure: c.inAddresses(k.level, sure), reason: reason}
	pair.upper = c.apply(or, pair.sure, c.inAddresses(k.level, maybe))
	return pair
}

// possibleWorkloads is where workloads may be: where the snapshot says, or else
// everywhere but on host endpoints.
func (c *compiler) possibleWorkloads(l level) ref {
	if !c.workloads.empty() {
		return c.inAddresses(l, c.workloads)
	}
	var hosts addressSet
	for i := range c.population.members {
		if m := &c.population.members[i]; m.endpoint != nil {
			hosts.add(m.addresses...)
		}
	}
	return c.not(c.inAddresses(l, hosts))
}

// namespaceLabels are the labels of a member's namespace, as far as they are known.
type namespaceLabels struct {
	*member
	unknown bool
}

// Prefix of labels that come from the namespace, and the label that says that any came.
const namespacePrefix = "pcns."

func (n *namespaceLabels) Get(name string) (string, bool) {
	if value, ok := n.labels[namespacePrefix+name]; ok {
		return value, true
	}
	switch name {
	case labelNamespace, "projectcalico.org/name", "kubernetes.io/metadata.name":
		return n.namespace, true
	}
	n.unknown = true
	return "", false
}

// inNamespace tells whether the namespace of a member is selected: that of a network
// set, if not what is global is meant. It is certain when the labels that matter are
// known.
func (m *member) inNamespace(spaces *selector.Selector, global bool) (fits, certain bool) {
	if global || m.namespace == "" {
		return global && m.namespace == "", true
	}
	labels := &namespaceLabels{member: m}
	fits = spaces.Evaluate(labels)
	return fits, !labels.unknown || m.namespaceKnown
}
