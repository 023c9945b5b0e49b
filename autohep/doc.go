// Package autohep works out automatic host endpoints: the endpoints that nodes get
// without anybody writing them.
//
// [Plan] is pure. From the nodes, the host endpoints that exist and the configuration
// it tells what to create, update and delete, whatever the order of its input. What is
// wrong with one node or one template is a [Problem] beside the plan for all others.
// [Reconcile] carries a plan out on a datastore.
//
// # Whose endpoints
//
// An endpoint is automatic if its label projectcalico.org/created-by says exactly
// calico-kube-controllers; the name does not matter. One that lacks nothing but that label
// has lost it, and gets it back. Automatic endpoints are repaired
// whatever was changed in them, and deleted when nothing asks for them any more. All
// others are never touched: if one has a name that is needed, that is a problem.
//
// # What they look like
//
// A node's default endpoint is <node>-auto-hep and stands for all interfaces. A
// template adds <node>-<generateName>-auto-hep, or <node>-<generateName>-<interface>-auto-hep
// for each interface that its pattern finds. Names that are too long are hashed.
//
// Labels are those of the node, then those of the template over them. Annotations are
// those of the template. The profile allows all traffic that no policy is about.
//
// # Addresses
//
// A node's addresses come from its fields in a fixed order. Each is listed once, in its
// first spelling; two spellings of an address, its IPv4-mapped one included, are the
// same address. An entry that has a prefix length where a plain address belongs counts
// as its address. An entry that is no address is left out. Both are problems, but
// never a reason to leave a node without its endpoint.
//
// # Mistakes in templates
//
// A mistake can leave open what a template means for a node: a selector or pattern that
// does not parse, labels that are not valid, a network that cannot be read where the
// others do not cover all addresses of the node. Then the template makes nothing new
// for that node, and what it made stays as it is: a slip of the pen must not unprotect
// a node. Names tell which endpoints these are. In the same way an endpoint that would
// not be valid, say because of the name of its interface, is not written, and if there
// is one of that name already it stays as it is.
package autohep
