package controller_test

import (
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// TestPeriod has periods that would keep a server busy raised, and said.
func TestPeriod(t *testing.T) {
	for given, want := range map[string]time.Duration{
		"1ms": time.Second, "-1s": time.Second, "999ms": time.Second,
		"0s": 0, "1s": time.Second, "5m": 5 * time.Minute,
	} {
		period, err := time.ParseDuration(given)
		if err != nil {
			t.Fatal(err)
		}
		kcc := resources.NewKubeControllersConfiguration()
		kcc.Spec.Controllers.Node.ReconcilerPeriod = &metav1.Duration{Duration: period}
		s := environment(t, nil).Settings(kcc)
		if s.Period != want {
			t.Errorf("%s makes a period of %v, want %v", given, s.Period, want)
		}
		var warnings []string
		if period != want {
			warnings = []string{"reconcilerPeriod is " + period.String() + ", which is less than 1s: 1s is taken for it"}
		}
		if diff := cmp.Diff(warnings, s.Warnings); diff != "" {
			t.Errorf("the warnings of %s: -want +got:\n%s", given, diff)
		}
	}
}

// TestPeriodIsLogged changes the period under a controller: it warns once of each that it raises.
func TestPeriodIsLogged(t *testing.T) {
	b := backends()["local"](t)
	b.configure(t, enabled())
	c := start(t, controller.Options{Store: b.store})
	set := func(period time.Duration, port int) {
		b.edit(t, resources.KubeControllersConfiguration.Key(v3.DefaultName), func(o resources.Object) resources.Object {
			kcc := o.(*v3.KubeControllersConfiguration)
			kcc.Spec.Controllers.Node.ReconcilerPeriod = &metav1.Duration{Duration: period}
			kcc.Spec.PrometheusMetricsPort = &port
			return kcc
		})
	}
	logged := func(text string) int { return strings.Count(c.log.String(), text) }
	set(time.Millisecond, 0)
	await(t, "there is no warning", func() bool { return logged("reconcilerPeriod is 1ms") == 1 })
	set(time.Millisecond, cluster.FreePort(t))
	set(-time.Second, 0)
	await(t, "there is no second warning", func() bool { return logged("reconcilerPeriod is -1s") == 1 })
	if n := logged("reconcilerPeriod is 1ms"); n != 1 {
		t.Errorf("there are %d warnings of the same", n)
	}
}

// TestBadEnvironment refuses what cannot be meant.
func TestBadEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"RECONCILER_PERIOD":   "-1s",
		"COMPACTION_PERIOD":   "-1s",
		"LOG_LEVEL":           "bogus",
		"HEALTH_ENABLED":      "maybe",
		"ENABLED_CONTROLLERS": "",
		"AUTO_HOST_ENDPOINTS": "",
	} {
		_, err := controller.ReadEnvironment(func(asked string) (string, bool) { return value, asked == name }, true)
		if err == nil || !strings.HasPrefix(err.Error(), "invalid environment variable value "+name+"=") {
			t.Errorf("%s=%s gives: %v", name, value, err)
		}
	}
	for value, want := range map[string]slog.Level{
		"debug": slog.LevelDebug, "TRACE": slog.LevelDebug, "Info": slog.LevelInfo,
		"warn": slog.LevelWarn, "warning": slog.LevelWarn, "error": slog.LevelError, "fatal": slog.LevelError, "panic": slog.LevelError,
	} {
		if got := environment(t, map[string]string{"LOG_LEVEL": value}).Settings(nil).Level; got != want {
			t.Errorf("LOG_LEVEL=%s is the level %v, want %v", value, got, want)
		}
	}
}

// TestCheckAddresses refuses where nothing can ever be served, but not what somebody else uses at the moment.
func TestCheckAddresses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, test := range []struct{ health, metrics, want string }{
		{"", "", ""},
		{"127.0.0.1:0", "127.0.0.1", ""},
		{taken.Addr().String(), "", ""},
		{"9098", "", "--health-address"},
		{":99999", "", "--health-address"},
		{"192.0.2.1:9098", "", "--health-address"},
		{"", "127.0.0.1:9094", "--metrics-host"},
		{"", "192.0.2.1", "--metrics-host"},
		{"", "[::1]", "--metrics-host"},
	} {
		err := controller.CheckAddresses(t.Context(), test.health, test.metrics)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want+" is ")) {
			t.Errorf("%q and %q give: %v", test.health, test.metrics, err)
		}
	}
}
