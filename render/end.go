package render

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// end is one end of a rule.
type end struct {
	rule       *v3.EntityRule
	side, port string // what nft calls its address and its port
	nets, not  []netip.Prefix
	selected   *chosen
}

// chosen is the addresses that label expressions mean.
type chosen struct {
	*policy.Selected
	nets map[int][]netip.Prefix // by IP version
	sets map[int]string         // their names, where they are needed
}

// look reads what does not depend on the IP version. It says why the end cannot be translated, if so.
func (b *builder) look(about string, e *end) (why string) {
	if e.rule.Services != nil {
		return "which addresses and ports a service has is not known here"
	}
	var allRead, alsoRead bool
	e.nets, allRead = policy.Networks(e.rule.Nets)
	e.not, alsoRead = policy.Networks(e.rule.NotNets)
	if !allRead || !alsoRead {
		return "a network cannot be read"
	}
	e.selected = b.selectedBy(e.rule)
	if e.selected == nil || e.selected.Doubt == "" {
		return ""
	}
	if e.selected.Nothing {
		return e.selected.Doubt
	}
	b.omit(about, "in part, "+e.selected.Doubt)
	return ""
}

func (b *builder) selectedBy(r *v3.EntityRule) *chosen {
	key := selection{r.Selector, r.NotSelector, r.NamespaceSelector, r.ServiceAccounts != nil}
	c, ok := b.selected[key]
	if ok {
		return c
	}
	if s := b.engine.Selected(r); s != nil {
		c = &chosen{Selected: s, nets: map[int][]netip.Prefix{}, sets: map[int]string{}}
		for _, version := range families {
			c.nets[version] = ofVersion(version, s.Networks)
		}
	}
	b.selected[key] = c
	return c
}

// addresses is the terms for the addresses of an end. It is false when no address matches.
func (b *builder) addresses(version int, e *end) (terms []string, ok bool) {
	field := addressWord(version) + " " + e.side
	if len(e.nets) > 0 {
		nets := ofVersion(version, e.nets)
		if len(nets) == 0 {
			return nil, false
		}
		if !whole(nets) {
			terms = append(terms, field+" "+braces(nets))
		}
	}
	if len(e.not) > 0 {
		nets := ofVersion(version, e.not)
		if len(nets) == 0 || whole(nets) { // a family that none of notNets is of does not match
			return nil, false
		}
		terms = append(terms, field+" != "+braces(nets))
	}
	if e.selected == nil {
		return terms, true
	}
	nets := e.selected.nets[version]
	if len(nets) == 0 || whole(nets) {
		return terms, e.selected.Except == (len(nets) == 0)
	}
	if e.selected.sets[version] == "" {
		e.selected.sets[version] = b.addressSet(version, e.rule, nets)
	}
	not := ""
	if e.selected.Except {
		not = "!= "
	}
	return append(terms, field+" "+not+"@"+e.selected.sets[version]), true
}

func addressWord(version int) string {
	if version == 6 {
		return "ip6"
	}
	return "ip"
}

func versionOf(p netip.Prefix) int {
	if p.Addr().Is4() {
		return 4
	}
	return 6
}

// ofVersion is the networks of an IP version, sorted, without those that lie in others.
func ofVersion(version int, list []netip.Prefix) []netip.Prefix {
	var own []netip.Prefix
	for _, p := range list {
		if versionOf(p) == version {
			own = append(own, p.Masked())
		}
	}
	slices.SortFunc(own, netip.Prefix.Compare)
	var out []netip.Prefix
	for _, p := range own {
		if len(out) == 0 || !out[len(out)-1].Contains(p.Addr()) {
			out = append(out, p)
		}
	}
	return out
}

// whole tells whether networks are all addresses of their IP version.
func whole(nets []netip.Prefix) bool { return nets[0].Bits() == 0 }

// braces is networks as a set without a name, or one network alone.
func braces(nets []netip.Prefix) string {
	if len(nets) == 1 {
		return element(nets[0])
	}
	return "{ " + strings.Join(elements(nets), ", ") + " }"
}

func elements(nets []netip.Prefix) []string {
	list := make([]string, len(nets))
	for i, p := range nets {
		list[i] = element(p)
	}
	return list
}

func element(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// addressSet is the name of the set of the addresses that the label expressions of an end mean.
func (b *builder) addressSet(version int, e *v3.EntityRule, nets []netip.Prefix) string {
	var words []string
	for _, w := range [...]struct{ name, text string }{
		{"selector", e.Selector}, {"notSelector", e.NotSelector}, {"namespaceSelector", e.NamespaceSelector},
	} {
		if w.text != "" {
			words = append(words, w.name+" "+w.text)
		}
	}
	flags := ""
	if slices.ContainsFunc(nets, func(p netip.Prefix) bool { return !p.IsSingleIP() }) {
		flags = "flags interval\n\t\t"
	}
	return b.set(fmt.Sprintf("selected-ip%d", version), strings.Join(words, ", "),
		fmt.Sprintf("type ipv%d_addr\n\t\t%s", version, flags), elements(nets))
}

// set makes a set and gives its name.
func (b *builder) set(name, words, head string, elements []string) string {
	own := b.name(name, fmt.Sprint(len(b.sets)+1))
	b.sets = append(b.sets, fmt.Sprintf("\tset %s {\n\t\t%s%s\n\t\telements = {\n\t\t\t%s\n\t\t}\n\t}\n",
		own, head, comment(words), strings.Join(elements, ",\n\t\t\t")))
	return own
}
