package lint

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// netList is a list of networks of a rule.
type netList struct {
	side, name string
	texts      []string
}

func netLists(r *v3.Rule) []netList {
	var list []netList
	for _, n := range []netList{
		{"source", "nets", r.Source.Nets},
		{"source", "notNets", r.Source.NotNets},
		{"destination", "nets", r.Destination.Nets},
		{"destination", "notNets", r.Destination.NotNets},
	} {
		if len(n.texts) > 0 {
			list = append(list, n)
		}
	}
	return list
}

// pinning is the list of networks to which a rule owes its IP family: networks that it names, or else those that it
// leaves out.
func pinning(r *v3.Rule) (list netList, ok bool) {
	lists := netLists(r)
	if len(lists) == 0 {
		return netList{}, false
	}
	if i := slices.IndexFunc(lists, func(n netList) bool { return n.name == "nets" }); i >= 0 {
		return lists[i], true
	}
	return lists[0], true
}

// checkFamilies looks for rules that vanish for an IP family because of a list of networks.
func (l *linter) checkFamilies() {
	families := l.families()
	for _, o := range l.ruled {
		for _, d := range directions {
			if !o.governs(d) {
				continue
			}
			for i := range o.raw[d] {
				if n, ok := pinning(&o.raw[d][i]); ok && !o.rules(d)[i].Upper.Empty() {
					l.checkFamily(o, d, i, n, families)
				}
			}
		}
	}
}

// families are the IP versions of the addresses of each endpoint.
func (l *linter) families() map[string]map[int]bool {
	all := map[string]map[int]bool{}
	for _, m := range l.engine.Members() {
		if m.Endpoint == nil {
			continue
		}
		has := map[int]bool{}
		for _, a := range m.Addresses {
			has[versionOf(a)] = true
		}
		all[m.Endpoint.Name] = has
	}
	return all
}

func versionOf(p netip.Prefix) int {
	if p.Addr().Is4() {
		return 4
	}
	return 6
}

// checkFamily looks at one list. Networks of one family are what one writes where there is no other, or where another
// rule has those; notNets are never meant to say anything about a family that they do not name.
func (l *linter) checkFamily(o ruled, d policy.Direction, i int, n netList, families map[string]map[int]bool) {
	version, world := familyOf(n)
	if version == 0 {
		return
	}
	other := 10 - version
	raw := o.raw[d]
	lost := l.withoutNets(&raw[i], other)
	var affected []string
	for _, name := range o.endpoints() {
		if families[name][other] {
			affected = append(affected, name)
		}
	}
	if lost.Empty() || n.name == "nets" && (twin(raw, i, n, other) || len(affected) == 0 && !world) {
		return
	}
	text := fmt.Sprintf("the rule does not exist for IPv%d: %s.%s has networks of IPv%d alone", other, n.side, n.name, version)
	proof := Proof{Text: fmt.Sprintf("not matched, whatever their IPv%d addresses are", other), Traffic: lost, Path: pathOf(d), Endpoints: affected}
	at := about(o.object, specPath.Child(string(d)).Index(i).Child(n.side, n.name))
	l.find(OneFamily, at, text, proof)
	if n.name == "nets" && raw[i].Action != v3.Deny || len(affected) == 0 {
		l.mildly(Hint)
	}
}

// familyOf is the IP version of a list; valid rules have no lists of two. world tells whether all addresses of it are
// listed.
func familyOf(n netList) (version int, world bool) {
	for _, text := range n.texts {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			version = versionOf(prefix)
			world = world || prefix.Bits() == 0
		}
	}
	return version, world
}

// withoutNets is what a rule matches of an IP version but for its networks.
func (l *linter) withoutNets(r *v3.Rule, version int) policy.Set {
	without := r.DeepCopy()
	for _, side := range []*v3.EntityRule{&without.Source, &without.Destination} {
		side.Nets, side.NotNets = nil, nil
	}
	return l.engine.Match(without).Upper.Intersect(l.engine.Space().Set(policy.Box{IPVersion: version}))
}

// twin tells whether another rule of the list does the same for the other family.
func twin(raw []v3.Rule, i int, n netList, version int) bool {
	for k := range raw {
		if k == i || raw[k].Action != raw[i].Action {
			continue
		}
		if slices.ContainsFunc(netLists(&raw[k]), func(o netList) bool {
			prefix, err := netip.ParsePrefix(o.texts[0])
			return err == nil && o.side == n.side && o.name == n.name && versionOf(prefix) == version
		}) {
			return true
		}
	}
	return false
}
