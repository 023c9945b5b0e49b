package resources

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Object is a pointer to one of the API types of package v3.
type Object interface {
	runtime.Object
	metav1.Object
}

// List is what reading a whole kind gives. Its JSON form is that of a Kubernetes list.
type List struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	// Items are in the kind's own order, and never nil.
	Items []Object `json:"items"`
}

// Key names an object.
type Key struct {
	Kind *Kind
	Name string
}

// String is "Kind(name)", the form that messages use, or "Kind" if the whole kind is meant.
func (k Key) String() string {
	if k.Name == "" {
		return k.Kind.Name
	}
	return k.Kind.Name + "(" + k.Name + ")"
}

// Column is one column of a kind's table.
type Column[T Object] struct {
	Header string
	// Wide columns are shown only when asked for.
	Wide bool
	// Cell is the text for one object, as stored: whoever prints it makes it safe.
	Cell func(T) string
}

// Link leads from an object to one of another kind.
type Link[T Object] struct {
	// Kind is the other kind's name; empty if there is no such link.
	Kind string
	// Name finds the other object's name; empty if this object has none.
	Name func(T) string
}

// Spec describes a kind whose objects have type T.
type Spec[T Object] struct {
	// Kind and Plural are the names in documents and in resource paths.
	Kind, Plural string
	// Aliases are the words that command lines take for the kind, in lower case.
	Aliases []string
	// Columns are in wide order; the narrow ones are among them, in the same order.
	Columns []Column[T]
	// New makes an empty object.
	New func() T
	// Default fills in what the user may leave out. Applying it twice changes nothing.
	Default func(T)
	// Validate checks an object on which Default has run.
	Validate func(T) field.ErrorList
	// ReadOnly is why objects of the kind cannot be written; empty if they can.
	ReadOnly string
	// Namespaced tells that objects belong to a namespace, which is a part of their keys.
	Namespaced bool
	// Builtin are objects that every datastore has without storing them.
	Builtin func() []T
	// Needs is the object that must exist before this one is written, and as long as it does.
	Needs Link[T]
	// PartOf is the object that this one disappears with.
	PartOf Link[T]
	// Permanent are the names of objects that every datastore has and nobody may delete.
	Permanent []string
	// Compare orders lists of the kind; nil means by name.
	Compare func(a, b T) int
	// Mend takes out of a JSON document what cannot be read as T and may be left out, and says so in whole
	// sentences. It is not ok if something is left that cannot be read, or if there was nothing to take out. Nil means that
	// nothing may be left out.
	Mend func(body []byte) (rest []byte, remarks []string, ok bool)
}

// Kind is a Spec with its type erased, so that kinds can stand in one list.
type Kind struct {
	Name    string
	Plural  string
	Aliases []string
	// ReadOnly is why objects of the kind cannot be written; empty if they can.
	ReadOnly string
	// Namespaced tells that objects belong to a namespace, which is a part of their keys.
	Namespaced bool
	Columns    []Column[Object]
	// Needs and PartOf are as in Spec.
	Needs, PartOf Link[Object]
	// Permanent are the names of objects that nobody may delete.
	Permanent []string

	newObject   func() Object
	setDefaults func(Object)
	validate    func(Object) field.ErrorList
	builtin     func() []Object
	compare     func(a, b Object) int
	mend        func(body []byte) (rest []byte, remarks []string, ok bool)
}

// Mends tells whether objects of the kind can be read without some of their parts.
func (k *Kind) Mends() bool { return k.mend != nil }

// Mend is as in Spec; it must not be called unless Mends.
func (k *Kind) Mend(body []byte) (rest []byte, remarks []string, ok bool) { return k.mend(body) }

func define[T Object](s Spec[T]) *Kind {
	k := &Kind{
		Name: s.Kind, Plural: s.Plural, Aliases: s.Aliases, ReadOnly: s.ReadOnly, Namespaced: s.Namespaced,
		Needs: eraseLink(s.Needs), PartOf: eraseLink(s.PartOf), Permanent: s.Permanent,
		newObject:   func() Object { return s.New() },
		setDefaults: func(Object) {},
		validate:    func(o Object) field.ErrorList { return s.Validate(o.(T)) },
		builtin:     func() []Object { return nil },
		compare:     func(a, b Object) int { return cmp.Compare(a.GetName(), b.GetName()) },
		mend:        s.Mend,
	}
	for _, c := range s.Columns {
		k.Columns = append(k.Columns, Column[Object]{
			Header: c.Header, Wide: c.Wide,
			Cell: func(o Object) string { return c.Cell(o.(T)) },
		})
	}
	if s.Default != nil {
		k.setDefaults = func(o Object) { s.Default(o.(T)) }
	}
	if s.Builtin != nil {
		k.builtin = func() []Object { return erase(s.Builtin()) }
	}
	if s.Compare != nil {
		k.compare = func(a, b Object) int { return s.Compare(a.(T), b.(T)) }
	}
	return k
}

func eraseLink[T Object](l Link[T]) Link[Object] {
	if l.Kind == "" {
		return Link[Object]{}
	}
	return Link[Object]{Kind: l.Kind, Name: func(o Object) string { return l.Name(o.(T)) }}
}

func erase[T Object](in []T) []Object {
	out := make([]Object, len(in))
	for i, o := range in {
		out[i] = o
	}
	return out
}

func newOf[E any]() *E { return new(E) }

// New makes an empty object with its kind and apiVersion set.
func (k *Kind) New() Object {
	o := k.newObject()
	k.setType(o)
	return o
}

func (k *Kind) setType(o Object) {
	o.GetObjectKind().SetGroupVersionKind(v3.SchemeGroupVersion.WithKind(k.Name))
}

// NewList makes a list of the kind. The items are taken over, not copied.
func (k *Kind) NewList(resourceVersion string, items []Object) *List {
	if items == nil {
		items = []Object{}
	}
	return &List{
		TypeMeta: metav1.TypeMeta{Kind: k.Name + "List", APIVersion: v3.GroupVersion},
		ListMeta: metav1.ListMeta{ResourceVersion: resourceVersion},
		Items:    items,
	}
}

// Default fills in what the user may leave out of o, which must be of this kind.
func (k *Kind) Default(o Object) { k.setDefaults(o) }

// Validate checks o, which must be of this kind and have had its defaults set. The
// paths of the errors start at the document: "spec.ingress[0].action".
func (k *Kind) Validate(o Object) field.ErrorList { return k.validate(o) }

// Builtin makes the objects that every datastore has without storing them.
func (k *Kind) Builtin() []Object {
	objects := k.builtin()
	for _, o := range objects {
		k.setType(o)
	}
	return objects
}

// Compare orders two objects of the kind as lists show them.
func (k *Kind) Compare(a, b Object) int { return k.compare(a, b) }

// Key names the object of this kind that is called name.
func (k *Kind) Key(name string) Key { return Key{Kind: k, Name: name} }

// All lists every kind in the order in which help texts name them.
func All() []*Kind {
	return []*Kind{
		HostEndpoint, GlobalNetworkPolicy, KubeControllersConfiguration, Node, Tier, Profile,
		GlobalNetworkSet, StagedGlobalNetworkPolicy, FelixConfiguration, ClusterInformation,
	}
}

// ByWord finds the kind that a command line means by word, in any letter case.
func ByWord(word string) (*Kind, bool) {
	word = strings.ToLower(word)
	for _, k := range All() {
		if slices.Contains(k.Aliases, word) {
			return k, true
		}
	}
	return nil, false
}

// ByName finds a kind by the name that documents use, exact in letter case.
func ByName(name string) (*Kind, bool) {
	for _, k := range All() {
		if k.Name == name {
			return k, true
		}
	}
	return nil, false
}

// KeyOf names an object by its own kind; it fails on kinds that All does not list.
func KeyOf(o Object) (Key, bool) {
	k, ok := ByName(o.GetObjectKind().GroupVersionKind().Kind)
	return Key{Kind: k, Name: o.GetName()}, ok
}
