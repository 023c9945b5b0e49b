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

func keyOf(l level, in *v3.EntityRule) entityKey {
	return entityKey{
		level: l, selector: in.Selector, notSelector: in.NotSelector, spaces: in.NamespaceSelector,
		serviceAccounts: in.ServiceAccounts != nil,
	}
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
	k := keyOf(l, in)
	pair, ok := c.entities[k]
	if !ok {
		pair = c.resolve(k)
		c.entities[k] = pair
	}
	return field{side + name, pair.sure, pair.upper, pair.reason}
}

func (c *compiler) resolve(k entityKey) addressPair {
	if k.excludes() {
		excluded := c.pair(k.level, c.objects(k.excluded()))
		return addressPair{c.not(excluded.upper), c.not(excluded.sure), excluded.reason}
	}
	return c.pair(k.level, c.objects(k))
}

// excludes tells whether there is nothing but a negation. That is about addresses, not about
// objects: it matches all that do not belong to the selected ones.
func (k entityKey) excludes() bool {
	return k.selector == "" && k.spaces == "" && !k.serviceAccounts
}

// excluded is what such a negation leaves out.
func (k entityKey) excluded() entityKey {
	k.selector, k.notSelector = k.notSelector, ""
	return k
}

// found is the networks of objects that certainly fit, and of those that may.
type found struct {
	sure, maybe []netip.Prefix
	// anywhere tells that any address may fit, and elsewhere that any may but those of host endpoints.
	anywhere, elsewhere bool
	reason              string
}

// pair is what was found as packets.
func (c *compiler) pair(l level, f found) addressPair {
	switch {
	case f.anywhere:
		return addressPair{empty, full, f.reason}
	case f.elsewhere:
		return addressPair{empty, c.possibleWorkloads(l), f.reason}
	}
	var sure, maybe addressSet
	sure.add(f.sure...)
	maybe.add(f.maybe...)
	pair := addressPair{sure: c.inAddresses(l, sure), reason: f.reason}
	pair.upper = c.apply(or, pair.sure, c.inAddresses(l, maybe))
	return pair
}

// objects is the networks of the objects that an expression selects.
func (c *compiler) objects(k entityKey) found {
	if k.serviceAccounts {
		return found{elsewhere: true, reason: whyServiceAccount}
	}
	positive, negative, spaces := c.selectors.parse(k.selector), c.selectors.parse(k.notSelector), c.selectors.parse(k.spaces)
	if positive == nil || negative == nil || spaces == nil {
		return found{anywhere: true, reason: whySelector}
	}
	global := spaces.String() == "global()"
	is, not := c.population.matching(positive), c.population.matching(negative)
	var f found
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
			f.maybe = append(f.maybe, m.addresses...)
			f.reason = whyNamespace
		} else if fits {
			f.sure = append(f.sure, m.addresses...)
		}
	}
	if !global && len(c.workloads) > 0 {
		f.maybe = append(f.maybe, c.workloads...)
		f.reason = whyWorkload
	}
	return f
}

// possibleWorkloads is where workloads may be: where the snapshot says, or else
// everywhere but on host endpoints.
func (c *compiler) possibleWorkloads(l level) ref {
	if len(c.workloads) > 0 {
		var workloads addressSet
		workloads.add(c.workloads...)
		return c.inAddresses(l, workloads)
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
