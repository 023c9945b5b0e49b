package selector_test

import (
	"strings"
	"testing"

	"github.com/edfb3db0/calicoctl/selector"
)

// oneKilobyte is as long as the API allows, 1024 bytes, and of the kind that people write.
func oneKilobyte() string {
	part := `projectcalico.org/created-by == 'calico-kube-controllers' && environment in {"dev", "test"} && !has(node-role/x) || `
	expr := strings.Repeat(part, 1024/len(part))
	return expr + "a == '" + strings.Repeat("v", 1024-len(expr)-len("a == ''")) + "'"
}

func BenchmarkParse1kB(b *testing.B) {
	benchmarkParse(b, oneKilobyte())
}

func BenchmarkParseShort(b *testing.B) {
	benchmarkParse(b, `has(kubernetes-host) && environment == 'dev'`)
}

// BenchmarkParse1kBDense has as many conditions as fit.
func BenchmarkParse1kBDense(b *testing.B) {
	benchmarkParse(b, strings.Repeat("a=='b'||", 127)+"a=='b'")
}

func benchmarkParse(b *testing.B, expr string) {
	b.SetBytes(int64(len(expr)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := selector.Parse(expr); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	host := map[string]string{
		"kubernetes-host": "", "environment": "dev", "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
		"projectcalico.org/created-by": "calico-kube-controllers",
	}
	for _, bench := range []struct{ name, expr string }{
		{"typical", `has(kubernetes-host) && environment == 'dev'`},
		{"all", ``},
		{"set", `environment in {'prod', 'test', 'dev', 'qa'}`},
		{"1kB", oneKilobyte()},
	} {
		s, err := selector.Parse(bench.expr)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Matches(host)
			}
		})
	}
}

func BenchmarkUniqueID(b *testing.B) {
	s, err := selector.Parse(`has(kubernetes-host) && environment == 'dev'`)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.UniqueID()
	}
}
