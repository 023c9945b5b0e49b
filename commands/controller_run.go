package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/datastore"
)

// Values of --log-format.
const logFormatText = "text"

var logFormats = []string{logFormatText, formatJSON}

// defaultNamespace is where controllers elect one of them if nothing says another.
const defaultNamespace = "calico-system"

type controllerRunOptions struct {
	deps   *Deps
	global *globalOptions
	config string

	once          bool
	leaderElect   bool
	namespace     string
	identity      string
	healthAddress string
	metricsHost   string
	workers       int
	logFormat     string
}

func newControllerRun(d *Deps, g *globalOptions) *cobra.Command {
	o := &controllerRunOptions{deps: d, global: g}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Keep automatic host endpoints in step until stopped",
		Long: `Keep automatic host endpoints in step until stopped. Changes of nodes, of the configuration, and of automatic endpoints by hand are followed at once, and everything is looked at again after each reconcilerPeriod of the configuration.

Several may run: one works, the others stand by and take over when it stops. A datastore that is away is waited for. What happens is logged to standard error, as detailed as logSeverityScreen of the configuration (or LOG_LEVEL) says, or --log-level if that says more. Health is served at /healthz and /readyz, and metrics at /metrics of the prometheusMetricsPort of the configuration.

With --once, make one pass over everything and exit. No election is held for it. The environment of this command counts; if a controller works with another one, there is a warning, and the status of the configuration stays that controller's. Each problem with a node, a template or the configuration is a warning too, and makes the exit status 1.

SIGTERM and SIGINT (Ctrl-C) have it stop: writes that are under way get two seconds, and then another controller may take over at once. After that, SIGTERM changes nothing; SIGINT has it not wait for the writes; and one more SIGINT ends it on the spot, so that others have to wait until its lead runs out.

Exit status:
  0    done; without --once that is to be stopped by a signal
  1    could not do it, or not all of it; standard error says why
  130  interrupted, with --once: the pass was not completed`,
		Example: `  calicoctl controller run
  calicoctl controller run --once`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(args); err != nil {
				return err
			}
			if o.once {
				return runControllerOnce(cmd.Context(), o)
			}
			return runController(cmd.Context(), o)
		},
	}
	addConfigFlag(cmd, &o.config)
	flags := cmd.Flags()
	flags.BoolVar(&o.once, "once", false, "make one pass over everything, then exit")
	flags.BoolVar(&o.leaderElect, "leader-elect", true, "work only while no other controller does")
	addNamespaceFlag(cmd, &o.namespace)
	flags.StringVar(&o.identity, "identity", "", "the name of this process among those controllers (default the host name and something random)")
	flags.StringVar(&o.healthAddress, "health-address", "", "serve /healthz and /readyz at this address too, such as :9098")
	flags.StringVar(&o.metricsHost, "metrics-host", "", "serve metrics at this address alone (default all)")
	flags.IntVar(&o.workers, "workers", 32, "how many nodes to write for at once")
	flags.StringVar(&o.logFormat, "log-format", logFormatText, "the format of the log: "+strings.Join(logFormats, ", "))
	complete(cmd, "log-format", logFormats)
	return cmd
}

func (o *controllerRunOptions) complete(args []string) error {
	switch {
	case len(args) > 0:
		return fmt.Errorf("unexpected argument %q", args[0])
	case o.workers < 1:
		return errors.New("--workers must be at least 1")
	case !slices.Contains(logFormats, o.logFormat):
		return fmt.Errorf("unknown log format %q; write %s", o.logFormat, strings.Join(logFormats, " or "))
	}
	o.namespace = o.deps.leaseNamespace(o.namespace)
	if o.identity == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown"
		}
		o.identity = host + "_" + uuid.NewString()
	}
	return nil
}

func runControllerOnce(ctx context.Context, o *controllerRunOptions) error {
	s, err := openSession(ctx, o.deps, o.global, o.config, writing)
	if err != nil {
		return err
	}
	defer s.close()
	environment, err := s.controllerEnvironment()
	if err != nil {
		return err
	}
	s.leaveOutBroken() // the pass names what is broken
	kcc, err := s.storedConfiguration(ctx)
	if err != nil {
		return err
	}
	live := s.live(ctx, o.namespace, kcc)
	s.warnOfOther(live, environment)
	result, err := controller.Once(ctx, controller.Options{Store: s.Store, Environment: environment, LeaveStatus: live.identity != ""})
	for _, p := range result.Problems {
		s.notes = append(s.notes, p.Text)
	}
	if err == nil || result.Created+result.Updated+result.Deleted > 0 {
		if _, err := fmt.Fprintf(o.deps.Out, "Automatic host endpoints: %d created, %d updated, %d deleted\n",
			result.Created, result.Updated, result.Deleted); err != nil {
			return err
		}
	}
	if err == nil && len(result.Problems) > 0 {
		return fmt.Errorf("not everything is as it should be: %s", count(len(result.Problems), "problem"))
	}
	return err
}

// moreTalkative is the more talkative of two levels.
type moreTalkative [2]slog.Leveler

func (m moreTalkative) Level() slog.Level { return min(m[0].Level(), m[1].Level()) }

// newControllerLog logs in a format of --log-format. In both, a duration has its unit.
func newControllerLog(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	if format != formatJSON {
		return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration {
			a.Value = slog.StringValue(a.Value.Duration().String())
		}
		return a
	}}))
}

// runController works until ctx ends, which is how it is meant to end.
func runController(ctx context.Context, o *controllerRunOptions) error {
	level := &slog.LevelVar{}
	asked, _ := parseLogLevel(o.global.logLevel) // which has been looked at
	log := newControllerLog(o.deps.Err, o.logFormat, moreTalkative{level, asked})
	over, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	c := controller.Options{
		HealthAddress: o.healthAddress, MetricsHost: o.metricsHost, Workers: o.workers,
		Log: log, Level: level, Now: o.deps.Now,
	}
	if o.deps.KeepSignals != nil {
		c.Hurry = hurry(ctx, over, o.deps.KeepSignals(), log)
	}
	err := keepInStep(ctx, o, c)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// keepInStep runs a controller with options that lack what is read first.
func keepInStep(ctx context.Context, o *controllerRunOptions, c controller.Options) error {
	config, err := loadConfig(o.deps, o.global, o.config)
	if err != nil {
		return err
	}
	environment, err := controller.ReadEnvironment(o.deps.LookupEnv, config.DatastoreType == datastoreKubernetes)
	if err != nil {
		return err
	}
	if err := controller.CheckAddresses(ctx, o.healthAddress, o.metricsHost); err != nil {
		return err
	}
	c.Environment = environment
	c.Level.Set(environment.Settings(nil).Level)
	if o.leaderElect {
		c.Election = election(o.namespace, o.identity)
	}
	c.Log.Info("calicoctl controller", "version", o.deps.Build.Version, "datastore", config.DatastoreType)
	backend, err := openInHealth(ctx, o.deps, config, c)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	c.Store = backend.Store
	err = controller.New(c).Run(ctx)
	if closing := backend.Store.Close(); closing != nil {
		c.Log.Error("closing the datastore failed", "error", closing)
	}
	return err
}

// openInHealth opens a datastore, and answers meanwhile that the process lives.
func openInHealth(ctx context.Context, d *Deps, config Config, c controller.Options) (Backend, error) {
	serving, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { controller.ServeHealth(serving, c) })
	defer group.Wait()
	defer stop()
	return openPatiently(ctx, d, config, c.Log)
}

// openPatiently opens a datastore, however long it takes until it is there.
func openPatiently(ctx context.Context, d *Deps, config Config, log *slog.Logger) (Backend, error) {
	wait := firstWait
	for {
		backend, err := d.Open(ctx, config, writing)
		if err == nil || !mayPass(err) {
			return backend, err
		}
		log.Warn("the datastore cannot be opened yet", "error", err)
		select {
		case <-ctx.Done():
			return Backend{}, ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, longWait)
	}
}

// mayPass tells whether an error may go away by itself: not if it is in what was said to this process, but if it is
// what a server answers, or that it does not.
func mayPass(err error) bool {
	return errors.As(err, new(*datastore.Error)) || errors.Is(err, datastore.ErrUnavailable)
}
