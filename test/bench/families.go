package main

import (
	"fmt"
	"slices"
	"time"
)

// Numbers of objects.
const (
	small  = 1_000
	medium = 10_000
	big    = 100_000
)

// mb is a million bytes.
const mb = 1_000_000

// family is one command with one or several numbers of objects.
type family struct {
	// title names it; %s is the number of objects.
	title string
	// sizes are the numbers of objects, each ten times the one before; {0} for a command
	// that has nothing to do with any.
	sizes []int
	// before is what the datastore holds before each run.
	before content
	// input is what the manifest holds that the command reads, if it reads one.
	input content
	// args are the arguments; a manifest comes on top.
	args func(n int) []string
	// prints is what the command has to print.
	prints func(n int) expected
	// after is what the datastore holds after a run, if another family begins with that.
	after content
	// proof lists, one a line, what the command has to have made; nil for nothing.
	proof []string
	// proved is how many lines that are.
	proved func(n int) int
	// target is for 10,000 objects, or for none.
	target target
	// known is what is known of calicoctl, by number of objects.
	known map[int]string
}

// target is what a command may use; 0 is no limit.
type target struct {
	time   time.Duration
	memory int64
}

func always(args ...string) func(int) []string {
	return func(int) []string { return args }
}

func text(format string) func(int) expected {
	return func(n int) expected {
		if n == 0 {
			return expected{text: format}
		}
		return expected{text: fmt.Sprintf(format, n)}
	}
}

func same(n int) int { return n }

// aTable has a heading and an empty line at the end.
func aTable(n int) expected { return expected{text: "NAME ", lines: n + 2} }

// families are all measurements, in the order of the table: what leaves a datastore
// behind comes before what begins with one.
func families() []family {
	return slices.Concat(startUp(), aboutPolicies(), aboutNodes(), relabelling())
}

func startUp() []family {
	return []family{{
		title: "`version`", sizes: []int{0}, before: nothing,
		args: always("version"), prints: text("Cluster Version:"),
		target: target{time: 40 * time.Millisecond, memory: 24 * mb},
		known:  map[int]string{0: "90 ms, 45 MB"},
	}, {
		title: "`version --client`", sizes: []int{0}, before: nothing,
		args: always("version", "--client"), prints: text("Client Version:"),
	}}
}

func aboutPolicies() []family {
	return []family{{
		title: "`validate` %s policies", sizes: []int{small, medium, big}, before: nothing, input: policies,
		args: always("validate"), prints: text("Successfully validated %d "),
		target: target{time: 2 * time.Second},
		known:  map[int]string{small: "3,000: 1.7 s"},
	}, {
		title: "`apply` %s new policies", sizes: []int{small, medium, big}, before: nothing, input: policies,
		args: always("apply"), prints: text("Successfully applied %d "), after: policies,
		proof: []string{"get", "gnps", "-o", "name"}, proved: same,
		target: target{time: 3 * time.Second, memory: 200 * mb},
		known:  map[int]string{small: "3,000 on etcd: 7.1 s"},
	}, {
		title: "`apply` %s unchanged policies", sizes: []int{small, medium, big}, before: policies, input: policies,
		args: always("apply"), prints: text("Successfully applied %d "),
		target: target{time: 1500 * time.Millisecond},
		known:  map[int]string{small: "3,000 on etcd: 13.9 s"},
	}}
}

func aboutNodes() []family {
	return []family{{
		title: "`apply` %s new nodes", sizes: []int{small, medium, big}, before: nothing, input: nodes,
		args: always("apply"), prints: text("Successfully applied %d "), after: nodes,
		proof: []string{"get", "nodes", "-o", "name"}, proved: same,
	}, {
		title: "enable automatic endpoints, %s nodes", sizes: []int{small, medium, big}, before: nodes,
		args: always(enable...), prints: func(int) expected { return expected{text: "Successfully patched 1 "} }, after: endpoints,
		proof: []string{"get", "heps", "-o", "name"}, proved: same,
		target: target{time: 3 * time.Second, memory: 200 * mb},
		known:  map[int]string{small: "its controller: 7.3 s"},
	}, {
		title: "`get heps -owide`, %s endpoints", sizes: []int{small, medium, big}, before: endpoints,
		args: always("get", "heps", "-owide"), prints: aTable,
		target: target{time: 600 * time.Millisecond, memory: 200 * mb},
		known:  map[int]string{small: "3,000 on etcd: 0.76 s"},
	}}
}

func relabelling() []family {
	return []family{{
		title: "`label` one of %s nodes", sizes: []int{small, medium, big}, before: endpoints,
		args: func(n int) []string {
			return []string{"label", "nodes", nodeName(n / 2), "environment=staging", "--overwrite"}
		},
		prints: func(int) expected { return expected{text: "Successfully updated label environment ", lines: 1} },
		proof:  []string{"get", "heps", "-o", "name", "--selector", "environment == 'staging'"},
		proved: func(int) int { return 1 },
	}, {
		title: "`label --all` %s nodes", sizes: []int{small, medium}, before: endpoints,
		args:   always("label", "nodes", "--all", "audited=yes"),
		prints: func(n int) expected { return expected{text: "Successfully set label audited ", lines: n} },
		proof:  []string{"get", "heps", "-o", "name", "--selector", "audited == 'yes'"},
		proved: same,
		known:  map[int]string{small: "its controller: 552 s"},
	}}
}
