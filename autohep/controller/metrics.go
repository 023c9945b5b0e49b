package controller

import (
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/datastore"
)

// prefix begins the names of all metrics.
const prefix = "calicoctl_autohep_"

// metrics are what the controller counts and measures.
type metrics struct {
	registry *prometheus.Registry

	writes, errors, lists          *prometheus.CounterVec
	conflicts, repairs, eventsLost prometheus.Counter
	timeToProtect, inStep, passes  prometheus.Histogram
	templateProblems               prometheus.Gauge
	endpoints, nodes, queued       *prometheus.Desc
	leader, synced                 *prometheus.Desc
	controller                     *Controller
}

func newMetrics(c *Controller) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + name, Help: help})
	}
	vector := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, []string{label})
	}
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + name, Help: help,
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		})
	}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prefix+name, help, labels, nil)
	}
	m := &metrics{
		controller:    c,
		registry:      prometheus.NewRegistry(),
		writes:        vector("writes_total", "Host endpoints written, by operation.", "op"),
		errors:        vector("errors_total", "Failures, by reason.", "reason"),
		lists:         vector("lists_total", "Whole lists read, by kind.", "kind"),
		conflicts:     counter("conflicts_total", "Writes that came too late because somebody else had changed the endpoint."),
		repairs:       counter("repairs_total", "Automatic endpoints brought back after somebody else had changed or deleted them."),
		passes:        histogram("full_pass_seconds", "How long passes over everything took."),
		eventsLost:    counter("events_lost_total", "Events that could not be recorded."),
		timeToProtect: histogram("time_to_protect_seconds", "From the first sight of a new node until all its endpoints were there, with what it waited for a name that somebody else had."),
		inStep:        histogram("time_in_step_seconds", "From the first sight of a change until the endpoints that it concerns were written."),
		templateProblems: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: prefix + "template_problems", Help: "Mistakes in the templates of the configuration.",
		}),
		endpoints: desc("endpoints", "Host endpoints, by state: automatic, deleting (automatic, and waiting for finalizers), foreign (somebody else's), contested (automatic, and repaired only from time to time because somebody else keeps changing or deleting it), or pending (not written yet because of an error).", "state"),
		nodes:     desc("nodes", "Nodes, by state: all, unprotected (without an automatic endpoint), or problem (see the log and the events).", "state"),
		queued:    desc("queue_depth", "Nodes to look at, by state: waiting, or retrying after a failure.", "state"),
		leader:    desc("leader", "1 while this process works, 0 while it stands by."),
		synced:    desc("synced", "1 once everything has been read."),
	}
	m.registry.MustRegister(m.writes, m.errors, m.lists, m.conflicts, m.repairs, m.passes, m.eventsLost,
		m.timeToProtect, m.inStep, m.templateProblems, m,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, op := range []datastore.ChangeOp{datastore.ChangeCreate, datastore.ChangeUpdate, datastore.ChangeDelete} {
		m.writes.WithLabelValues(string(op))
	}
	for _, r := range reasons() {
		m.errors.WithLabelValues(r.name)
	}
	return m
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.endpoints, m.nodes, m.queued, m.leader, m.synced} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value int, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
	}
	n := m.controller.state.counts()
	gauge(m.endpoints, n.automatic, "automatic")
	gauge(m.endpoints, n.leaving, "deleting")
	gauge(m.endpoints, n.foreign, "foreign")
	gauge(m.endpoints, m.controller.brake.contested(m.controller.Now()), "contested")
	gauge(m.endpoints, n.pending, "pending")
	gauge(m.nodes, n.nodes, "all")
	gauge(m.nodes, n.unprotected, "unprotected")
	gauge(m.nodes, n.withProblems, "problem")
	waiting, retrying := m.controller.queue.depth()
	gauge(m.queued, waiting, "waiting")
	gauge(m.queued, retrying, "retrying")
	gauge(m.leader, oneIf(m.controller.leading.Load()))
	gauge(m.synced, oneIf(m.controller.inSync()))
}

func oneIf(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// reason names what is behind an error.
type reason struct {
	name string
	is   error
}

func reasons() []reason {
	return []reason{
		{"conflict", datastore.ErrConflict},
		{"exists", datastore.ErrExists},
		{"not_found", datastore.ErrNotFound},
		{"invalid", datastore.ErrInvalid},
		{"unauthorized", datastore.ErrUnauthorized},
		{"unavailable", datastore.ErrUnavailable},
		{"unsupported", datastore.ErrUnsupported},
		{"compacted", datastore.ErrCompacted},
		{"unknown_node", errUnknownNode},
		{"contested", errContested},
	}
}

// failure counts an error.
func (m *metrics) failure(err error) {
	if errors.Is(err, datastore.ErrConflict) || errors.Is(err, datastore.ErrExists) {
		m.conflicts.Inc()
	}
	for _, r := range reasons() {
		if errors.Is(err, r.is) {
			m.errors.WithLabelValues(r.name).Inc()
			return
		}
	}
	m.errors.WithLabelValues("other").Inc()
}

// template keeps how many mistakes the templates have.
func (m *metrics) template(problems []autohep.Problem) {
	m.templateProblems.Set(float64(len(problems)))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
