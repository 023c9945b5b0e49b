package lint

import (
	"cmp"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Input is what to look at.
type Input struct {
	// Sources are the objects as they are stored or written, without defaults.
	Sources []Source
	// Unreadable are stored objects that cannot be understood.
	Unreadable []Unreadable
	// NetworkSets and Workloads are as in policy.Snapshot.
	NetworkSets []*policy.NetworkSet
	Workloads   []netip.Prefix
	// Outgrown are the automatic endpoints that are not what their nodes ask for.
	Outgrown []Automatic
	// Limit is what the engine works within.
	Limit policy.Limit
}

// Source is an object and where it comes from.
type Source struct {
	Object resources.Object
	// Stored is set if the object is in a datastore as it is, so that agents see it like that. Otherwise it is
	// written in a file.
	Stored bool
}

// Unreadable is a stored object, or a part of one, that cannot be understood.
type Unreadable struct {
	Key resources.Key
	Why string
	// Partly tells that the rest of the object is understood, and looked at.
	Partly bool
}

// Automatic is a stored automatic endpoint, and what it should be; nil if it should not be there.
type Automatic struct{ Is, Should *v3.HostEndpoint }

// Place is a field of an object: an empty path is the whole object.
type Place struct {
	resources.Key

	Path string
}

// String is "Kind(name) path".
func (p Place) String() string {
	if p.Path == "" {
		return p.Key.String()
	}
	return p.Key.String() + " " + p.Path
}

// Finding is something that is probably not meant.
type Finding struct {
	Code     Code
	Severity Severity
	Place    Place
	// Text is what is found, without the object.
	Text string
	// Proof is why that is so; there is always something.
	Proof []Proof
	// Suppressed is the reason why the finding does not count; empty if it does.
	Suppressed string
}

// Proof is one fact.
type Proof struct {
	Text string
	// At is the rule or object that the fact is about, if it is about one other than the finding is.
	At *Place
	// Endpoints are the names of those that are meant.
	Endpoints []string
	// Traffic is packets on the path; the zero Set if it is not about packets.
	Traffic policy.Set
	Path    policy.Path
	// Flow is one packet, to be judged for what decides about it.
	Flow *policy.Flow
}

func about(o resources.Object, path *field.Path) Place {
	key, _ := resources.KeyOf(o)
	if path == nil {
		return Place{Key: key}
	}
	return Place{key, path.String()}
}

func rulePlace(r policy.RuleRef) Place {
	if r.Object == nil { // a built-in failsafe port
		return Place{Key: resources.FelixConfiguration.Key(v3.DefaultName)}
	}
	path := field.NewPath("spec", string(r.Direction))
	if _, ok := r.Object.(*v3.FelixConfiguration); ok {
		path = field.NewPath("spec", failsafeFields[r.Direction])
	}
	return about(r.Object, path.Index(r.Index))
}

// failsafeFields are the lists of failsafe ports.
var failsafeFields = map[policy.Direction]string{
	policy.Ingress: "failsafeInboundHostPorts", policy.Egress: "failsafeOutboundHostPorts",
}

// pathOf is the path on which a host judges what goes in a direction.
func pathOf(d policy.Direction) policy.Path {
	if d == policy.Egress {
		return policy.Output
	}
	return policy.Input
}

// sorted puts findings in the order of kinds, names, fields and codes.
func sorted(list []Finding) []Finding {
	rank := map[*resources.Kind]int{}
	for i, k := range resources.All() {
		rank[k] = i
	}
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(rank[a.Place.Kind], rank[b.Place.Kind]), cmp.Compare(a.Place.Name, b.Place.Name),
			cmp.Compare(a.Code.ID, b.Code.ID), compareNatural(a.Place.Path, b.Place.Path), cmp.Compare(a.Text, b.Text))
	})
	return list
}

// compareNatural compares texts, and numbers in them by their value.
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		x, restA := leading(a)
		y, restB := leading(b)
		if c := cmp.Or(cmp.Compare(len(x)*numeric(x), len(y)*numeric(y)), cmp.Compare(x, y)); c != 0 {
			return c
		}
		a, b = restA, restB
	}
	return cmp.Compare(len(a), len(b))
}

// leading is a number at the beginning, or one byte.
func leading(s string) (head, rest string) {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	n = max(n, 1)
	return s[:n], s[n:]
}

func numeric(s string) int {
	if '0' <= s[0] && s[0] <= '9' {
		return 1
	}
	return 0
}
