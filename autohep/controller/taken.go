package controller

import (
	"fmt"
	"strings"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// maxPort is the highest port number.
const maxPort = 65535

// levelNone may stand in the configuration, and is taken for defaultLevel, as Calico's own controllers do.
const levelNone = "None"

// readNumbers takes the numbers of the configuration, and the next best for those that are out of range.
func (s *Settings) readNumbers(spec v3.KubeControllersConfigurationSpec) {
	if node := spec.Controllers.Node; node != nil && node.ReconcilerPeriod != nil {
		s.Period = node.ReconcilerPeriod.Duration
	}
	if s.Period != 0 && s.Period < leastPeriod {
		s.Warnings = append(s.Warnings, fmt.Sprintf("reconcilerPeriod is %v, which is less than %v: %v is taken for it", s.Period, leastPeriod, leastPeriod))
		s.Period = leastPeriod
	}
	switch port := spec.PrometheusMetricsPort; {
	case port == nil:
	case *port < 0 || *port > maxPort:
		s.Warnings = append(s.Warnings, fmt.Sprintf("prometheusMetricsPort is %d, which is not between 0 and %d: %d is taken for it", *port, maxPort, defaultPort))
	default:
		s.MetricsPort = *port
	}
}

// readWords takes unknown words out of the configuration, and says of each that no variable overrides what is taken for it.
func (e *Environment) readWords(spec *v3.KubeControllersConfigurationSpec) (warnings []string) {
	if word := spec.HealthChecks; word != "" && word != v3.Enabled && word != v3.Disabled {
		spec.HealthChecks = ""
		if e.health == nil {
			warnings = append(warnings, fmt.Sprintf("healthChecks is %q, which is neither %s nor %s: %s is taken for it", word, v3.Enabled, v3.Disabled, v3.Enabled))
		}
	}
	word := spec.LogSeverityScreen
	if _, ok := levelName(word); ok || word == "" || word == levelNone {
		return warnings
	}
	spec.LogSeverityScreen = ""
	if _, ok := e.vars[envLogLevel]; !ok {
		warnings = append(warnings, fmt.Sprintf("logSeverityScreen is %q, which is none of %s, %s: %s is taken for it",
			word, levelNone, strings.Join(levelNames, ", "), defaultLevel))
	}
	return warnings
}

// problems are the warnings in whole sentences.
func (s Settings) problems() []string {
	texts := make([]string, len(s.Warnings))
	for i, warning := range s.Warnings {
		texts[i] = warning + ". Correct it or remove it."
	}
	return texts
}
