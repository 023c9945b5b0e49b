package v3_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// spelling is how a value is written, what it means, and how it is written back.
type spelling[T any] struct {
	in   string
	want T
	out  string
}

func testSpellings[T any](t *testing.T, good []spelling[T], bad map[string]string) {
	t.Helper()
	for _, s := range good {
		var got T
		if err := json.Unmarshal([]byte(s.in), &got); err != nil {
			t.Errorf("%s: %v", s.in, err)
			continue
		}
		if diff := cmp.Diff(s.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.in, diff)
		}
		if out, err := json.Marshal(got); err != nil || string(out) != s.out {
			t.Errorf("%s is written as %s (%v), want %s", s.in, out, err, s.out)
		}
	}
	for in, want := range bad {
		var got T
		if err := json.Unmarshal([]byte(in), &got); err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", in, err, want)
		}
	}
}

func TestPortSpellings(t *testing.T) {
	const notPort = "a port is a number, a range such as \"2379:2381\", or the name of an endpoint's port"
	testSpellings(t, []spelling[v3.Port]{
		{`80`, v3.Port{Min: 80, Max: 80}, `80`},
		{`80.0`, v3.Port{Min: 80, Max: 80}, `80`},
		{`"80"`, v3.Port{Min: 80, Max: 80}, `80`},
		{`"080"`, v3.Port{Min: 80, Max: 80}, `80`},
		{`"80:80"`, v3.Port{Min: 80, Max: 80}, `80`},
		{`"2379:2381"`, v3.Port{Min: 2379, Max: 2381}, `"2379:2381"`},
		{`"http"`, v3.Port{Name: "http"}, `"http"`},
		{`"1-3"`, v3.Port{Name: "1-3"}, `"1-3"`},
	}, map[string]string{
		`65536`:     "port 65536 is not between 1 and 65535",
		`"65536"`:   "port 65536 is not between 1 and 65535",
		`-1`:        "port -1 is not between 1 and 65535",
		`80.5`:      "port 80.5 is not between 1 and 65535",
		`1e400`:     "port 1e400 is not between 1 and 65535",
		`"1:65536"`: "a port of the range 1:65536 is not between 1 and 65535",
		`"90:80"`:   "the range 90:80 is the wrong way round; write 80:90",
		`"80:"`:     "\"80:\" is no port: write a number, a range such as 2379:2381, or the name of an endpoint's port",
		`true`:      notPort,
		`null`:      notPort,
	})
}

func TestProtocolSpellings(t *testing.T) {
	const notProtocol = "a protocol is a name (TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite) or a number from 1 to 255"
	testSpellings(t, []spelling[v3.Protocol]{
		{`"TCP"`, v3.Protocol{Name: "TCP"}, `"TCP"`},
		{`"tcp"`, v3.Protocol{Name: "tcp"}, `"tcp"`},
		{`6`, v3.Protocol{Num: 6}, `6`},
		{`"6"`, v3.Protocol{Num: 6}, `6`},
		{`"256"`, v3.Protocol{Name: "256"}, `"256"`},
	}, map[string]string{
		`256`:  "protocol number 256 is not between 1 and 255",
		`-1`:   "protocol number -1 is not between 1 and 255",
		`true`: notProtocol,
	})
}

func TestASNumberSpellings(t *testing.T) {
	const rest = " is no AS number: write 0 to 4294967295, or two numbers up to 65535 with a dot between"
	testSpellings(t, []spelling[v3.ASNumber]{
		{`64512`, 64512, `64512`},
		{`"64512"`, 64512, `64512`},
		{`"1.10"`, 65546, `65546`},
		{`4294967295`, 4294967295, `4294967295`},
	}, map[string]string{
		`4294967296`: "4294967296" + rest,
		`-1`:         "-1" + rest,
		`1.10`:       "1.10 is read as a number with a fraction: put an AS number with a dot in quotes, such as \"64.512\"",
		`"1.2.3"`:    "\"1.2.3\"" + rest,
		`"65536.0"`:  "\"65536.0\"" + rest,
	})
}

// TestPortRoundTrip checks that what a port is written as reads as the same port.
func TestPortRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.Uint16().Draw(t, "low")
		port := v3.Port{Min: low, Max: rapid.Uint16Min(low).Draw(t, "high")}
		if rapid.Bool().Draw(t, "named") {
			port = v3.Port{Name: rapid.StringMatching(`[a-z][a-zA-Z0-9_.-]{0,127}`).Draw(t, "name")}
		}
		got, err := v3.PortFromString(port.String())
		if err != nil || got != port {
			t.Errorf("%+v reads as %+v (%v)", port, got, err)
		}
	})
}

func TestProtocolNumbers(t *testing.T) {
	for _, name := range v3.ProtocolNames() {
		n, ok := v3.ProtocolNumber(name)
		byName, byNumber := v3.Protocol{Name: name}, v3.Protocol{Num: n}
		if !ok || byName.Number() != byNumber.Number() || byName.HasPorts() != byNumber.HasPorts() {
			t.Errorf("%s and %d are not the same protocol", name, n)
		}
	}
	if n := (v3.Protocol{Name: "tcp"}).Number(); n != 0 {
		t.Errorf("tcp is number %d", n)
	}
}
