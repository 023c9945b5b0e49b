package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/edfb3db0/calicoctl/autohep"
)

// health answers whether the controller is well.
type health struct {
	controller *Controller
	mu         sync.Mutex
	checks     bool
	port       int
	// warnings are those of the settings, which have been logged.
	warnings []string
	// templates are the mistakes in the templates that are in force.
	templates []string
	// remarks are of what is left out of the configuration, and unread is why it could not be read at all; nil if it was.
	remarks []string
	unread  error
	// election is why this process cannot be elected; nil if it can, or nobody knows.
	election error
	// moved is closed when the port of the metrics is another one.
	moved chan struct{}
}

// newHealth answers at the usual port until the configuration says which: whoever asks nowhere
// else must not take a controller that waits for its datastore for dead.
func newHealth(c *Controller) *health {
	h := &health{controller: c, checks: true, moved: make(chan struct{})}
	if c.HealthAddress == "" {
		h.port = defaultPort
	}
	return h
}

// settings takes what concerns the answers, and where they are given. What is wrong with the
// settings is logged when it is new.
func (h *health) settings(s Settings) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = s.HealthChecks
	warnings := s.problems()
	for _, text := range warnings {
		if !slices.Contains(h.warnings, text) {
			h.controller.Log.Warn("the configuration is not taken as it stands", "problem", text)
		}
	}
	h.warnings = warnings
	if h.port != s.MetricsPort {
		h.port = s.MetricsPort
		close(h.moved)
		h.moved = make(chan struct{})
	}
}

// planned takes the mistakes in the templates, and logs those that are new.
func (h *health) planned(problems []autohep.Problem) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.templates
	h.templates = nil
	for _, p := range problems {
		h.templates = append(h.templates, p.Text)
		if !slices.Contains(before, p.Text) {
			h.controller.Log.Warn("a template has a mistake", "template", p.Template, "problem", p.Text)
		}
	}
}

// problems are what of the configuration is not taken as it stands, and the mistakes in its templates.
func (h *health) problems() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Concat(h.remarks, h.warnings, h.templates)
}

// configuration takes how the configuration was read last, and tells whether it is news why it could not be.
func (h *health) configuration(remarks []string, unread error) (news bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, text := range remarks {
		if !slices.Contains(h.remarks, text) {
			h.controller.Log.Warn("a part of the configuration is left out", "problem", text)
		}
	}
	news = unread != nil && (h.unread == nil || h.unread.Error() != unread.Error())
	h.remarks, h.unread = remarks, unread
	return news
}

// remarked are the remarks of the configuration.
func (h *health) remarked() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.remarks
}

// electable takes why this process cannot be elected; nil for no reason.
func (h *health) electable(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.election = why
}

// whyNotElected says why this process cannot be elected; empty for no reason.
func (h *health) whyNotElected() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.election == nil {
		return ""
	}
	return fmt.Sprintf("this process cannot be elected: %v", h.election)
}

// whyUnread is why the configuration could not be read; nil if it was.
func (h *health) whyUnread() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.unread
}

// trouble says what is wrong with the configuration; empty for nothing.
func (h *health) trouble() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.unread != nil:
		return fmt.Sprintf("the configuration cannot be understood: %v; %s", h.unread, h.controller.instead())
	case len(h.remarks)+len(h.warnings) > 0:
		return join("of the configuration, "+strings.Join(slices.Concat(h.remarks, h.warnings), " "), few(h.templates))
	}
	return few(h.templates)
}

// textsShown is how many problems of one sort an answer has room for.
const textsShown = 3

// few are the first of some problems, and how many more there are; empty for none.
func few(texts []string) string {
	if more := len(texts) - textsShown; more > 0 {
		return fmt.Sprintf("%s And %d more: see the log.", strings.Join(texts[:textsShown], " "), more)
	}
	return strings.Join(texts, " ")
}

func (h *health) where() (port int, moved <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.port, h.moved
}

func (h *health) checking() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.checks
}

// live answers that the process answers: no trouble of the datastore is a reason to start it
// anew.
func (h *health) live(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") }

// ready answers whether everything has been read once, and what is wrong with the configuration.
func (h *health) ready(w http.ResponseWriter, _ *http.Request) {
	trouble := h.trouble()
	switch c := h.controller; {
	case !h.checking():
		answer(w, http.StatusOK, "health checks are off")
	case !c.inSync():
		answer(w, http.StatusServiceUnavailable, cmp.Or(trouble, "the datastore has not been read yet"))
	case c.leading.Load():
		answer(w, http.StatusOK, withTrouble("working", join(trouble, c.unreadNodes())))
	default:
		answer(w, http.StatusOK, withTrouble("standing by", join(trouble, c.health.whyNotElected())))
	}
}

// unreadNodes says that there are nodes that cannot be understood; empty for none.
func (c *Controller) unreadNodes() string {
	switch n, first := c.state.unreadNodes(); n {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("node %q cannot be understood", first)
	default:
		return fmt.Sprintf("%d nodes cannot be understood, such as %q", n, first)
	}
}

func join(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(text string) bool { return text == "" }), "; ")
}

func withTrouble(text, trouble string) string {
	if trouble == "" {
		return text
	}
	return text + ", but " + trouble
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text + "\n")) // whoever asked has gone
}

// CheckAddresses finds the address of health and the host of metrics that nothing can ever be
// served at. What somebody else uses may come free, and a name server that does not answer may
// answer later.
func CheckAddresses(ctx context.Context, healthAddress, metricsHost string) error {
	if healthAddress != "" {
		if err := checkAddress(ctx, healthAddress); err != nil {
			return fmt.Errorf("--health-address is %q, where nothing can be served: %w", healthAddress, err)
		}
	}
	if err := checkAddress(ctx, net.JoinHostPort(metricsHost, "0")); err != nil {
		return fmt.Errorf("--metrics-host is %q, where nothing can be served: %w", metricsHost, err)
	}
	return nil
}

func checkAddress(ctx context.Context, address string) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err == nil {
		return listener.Close()
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && !dns.IsNotFound || errors.Is(err, syscall.EADDRINUSE) {
		return nil
	}
	return err
}

// ServeHealth answers until ctx ends for a controller whose Store is not open yet: it lives, and
// is not ready.
func ServeHealth(ctx context.Context, o Options) { New(o).serve(ctx) }

// serve serves health where the options say and, with metrics, at the port that the
// configuration says, until ctx ends.
func (c *Controller) serve(ctx context.Context) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", c.health.live)
	mux.HandleFunc("GET /readyz", c.health.ready)
	var group sync.WaitGroup
	if c.HealthAddress != "" {
		group.Go(func() { c.keepServing(ctx, c.HealthAddress, mux) })
	}
	both := http.NewServeMux()
	both.Handle("/", mux)
	both.Handle("GET /metrics", c.metrics.handler())
	for ctx.Err() == nil {
		port, moved := c.health.where()
		here, stop := context.WithCancel(ctx)
		var one sync.WaitGroup
		if port != 0 {
			one.Go(func() { c.keepServing(here, net.JoinHostPort(c.MetricsHost, strconv.Itoa(port)), both) })
		}
		select {
		case <-ctx.Done():
		case <-moved:
		}
		stop()
		one.Wait()
	}
	group.Wait()
}

const (
	// askTime is how long a question and its answer may take each, so that nobody holds a connection for ever.
	askTime = 5 * time.Second
	// shutdownTime is how long answers that are under way may take at the end.
	shutdownTime = time.Second
)

// keepServing serves at an address until ctx ends, and tries again while that does not work. Why it does not is a warning
// when it is news.
func (c *Controller) keepServing(ctx context.Context, address string, handler http.Handler) {
	var config net.ListenConfig
	why := ""
	for failures := 0; ctx.Err() == nil; {
		listener, err := config.Listen(ctx, "tcp", address)
		if err == nil {
			if why != "" {
				c.Log.Info("health and metrics are served now", "address", address)
			}
			why = ""
			err = serveOn(ctx, listener, handler)
		}
		if ctx.Err() != nil {
			return
		}
		level := slog.LevelDebug
		if err.Error() != why {
			level, why = slog.LevelWarn, err.Error()
		}
		c.Log.Log(ctx, level, "health and metrics cannot be served yet", "address", address, "error", err)
		failures++
		sleep(ctx, pauseAfter(failures+electionPause))
	}
}

// serveOn serves until ctx ends, or that does not work any more.
func serveOn(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadTimeout: askTime, WriteTimeout: 2 * askTime, IdleTimeout: time.Minute}
	stopped := make(chan struct{})
	defer context.AfterFunc(ctx, func() {
		defer close(stopped)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		if server.Shutdown(last) != nil {
			_ = server.Close() // what does not end in time is cut off
		}
	})()
	err := server.Serve(listener)
	if errors.Is(err, http.ErrServerClosed) {
		<-stopped
	}
	return err
}
