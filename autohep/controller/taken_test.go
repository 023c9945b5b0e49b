package controller_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// inForce is what a controller goes by, and what it says of it.
type inForce struct {
	Health   bool
	Level    slog.Level
	Port     int
	Warnings []string
	// RunningHealth and RunningLevel are those of status.runningConfig.
	RunningHealth, RunningLevel string
}

// TestUnknownWords has words that mean nothing, and numbers out of range, taken for the default, which is said; not where
// a variable overrides them.
func TestUnknownWords(t *testing.T) {
	usual := func(warnings ...string) inForce {
		return inForce{Health: true, Port: 9094, Warnings: warnings, RunningHealth: v3.Enabled, RunningLevel: "Info"}
	}
	off := usual()
	off.Health, off.RunningHealth = false, v3.Disabled
	debug := usual()
	debug.Level, debug.RunningLevel = slog.LevelDebug, "Debug"
	nowhere := usual()
	nowhere.Port = 0
	for name, test := range map[string]struct {
		vars   map[string]string
		change func(*v3.KubeControllersConfigurationSpec)
		want   inForce
	}{
		"healthChecks": {
			nil, func(s *v3.KubeControllersConfigurationSpec) { s.HealthChecks = "maybe" },
			usual(`healthChecks is "maybe", which is neither Enabled nor Disabled: Enabled is taken for it`),
		},
		"healthChecks, overridden": {
			map[string]string{"HEALTH_ENABLED": "false"},
			func(s *v3.KubeControllersConfigurationSpec) { s.HealthChecks = "maybe" }, off,
		},
		"logSeverityScreen": {
			nil, func(s *v3.KubeControllersConfigurationSpec) { s.LogSeverityScreen = "loud" },
			usual(`logSeverityScreen is "loud", which is none of None, Debug, Info, Warning, Error, Fatal, Panic: Info is taken for it`),
		},
		"logSeverityScreen, overridden": {
			map[string]string{"LOG_LEVEL": "debug"},
			func(s *v3.KubeControllersConfigurationSpec) { s.LogSeverityScreen = "loud" }, debug,
		},
		"logSeverityScreen of none": {nil, func(s *v3.KubeControllersConfigurationSpec) { s.LogSeverityScreen = "None" }, usual()},
		"a port that is too high": {
			nil, func(s *v3.KubeControllersConfigurationSpec) { s.PrometheusMetricsPort = new(65536) },
			usual("prometheusMetricsPort is 65536, which is not between 0 and 65535: 9094 is taken for it"),
		},
		"a negative port": {
			nil, func(s *v3.KubeControllersConfigurationSpec) { s.PrometheusMetricsPort = new(-1) },
			usual("prometheusMetricsPort is -1, which is not between 0 and 65535: 9094 is taken for it"),
		},
		"no port": {nil, func(s *v3.KubeControllersConfigurationSpec) { s.PrometheusMetricsPort = new(0) }, nowhere},
	} {
		t.Run(name, func(t *testing.T) {
			kcc := resources.NewKubeControllersConfiguration()
			test.change(&kcc.Spec)
			s := environment(t, test.vars).Settings(kcc)
			got := inForce{s.HealthChecks, s.Level, s.MetricsPort, s.Warnings, s.Running.HealthChecks, s.Running.LogSeverityScreen}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestRunningNumbers has the status say which port and period are in use, and not which are asked for; on Kubernetes only the
// port, as recorded of Calico's own controllers, since the server fills one in.
func TestRunningNumbers(t *testing.T) {
	type numbers struct {
		Port   int
		Period *metav1.Duration
	}
	second := &metav1.Duration{Duration: time.Second}
	for name, want := range map[string]numbers{"local": {0, second}, "etcd": {0, second}, "kubernetes-v1": {0, nil}, "kubernetes-v3": {0, nil}} {
		t.Run(name, func(t *testing.T) {
			b := backends()[name](t)
			spec := enabled()
			spec.Controllers.Node.ReconcilerPeriod = &metav1.Duration{Duration: time.Millisecond}
			b.configure(t, spec)
			env, err := controller.ReadEnvironment(func(string) (string, bool) { return "", false }, b.kube != nil)
			if err != nil {
				t.Fatal(err)
			}
			once := func() numbers {
				if _, err := controller.Once(t.Context(), controller.Options{Store: b.store, Environment: env}); err != nil {
					t.Fatal(err)
				}
				running := b.statusOf(t).RunningConfig
				return numbers{*running.PrometheusMetricsPort, running.Controllers.Node.ReconcilerPeriod}
			}
			if diff := cmp.Diff(want, once()); diff != "" {
				t.Errorf("one pass: -want +got:\n%s", diff)
			}
			b.edit(t, resources.KubeControllersConfiguration.Key(v3.DefaultName), func(o resources.Object) resources.Object {
				o.(*v3.KubeControllersConfiguration).Status.RunningConfig = nil
				return o
			})
			start(t, controller.Options{Store: b.store, Environment: env})
			await(t, "the status does not say what runs", func() bool {
				running := b.statusOf(t).RunningConfig
				return running != nil && cmp.Equal(want, numbers{*running.PrometheusMetricsPort, running.Controllers.Node.ReconcilerPeriod})
			})
		})
	}
}
