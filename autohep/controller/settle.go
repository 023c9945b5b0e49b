package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// keepSettled settles whatever settings are applied, while this process leads.
func (c *Controller) keepSettled(ctx context.Context) {
	var again <-chan time.Time
	for failures := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-c.applied:
		case <-again:
		}
		again = nil
		if !c.leading.Load() {
			continue
		}
		c.tellOfConfiguration()
		switch err := c.settle(ctx); {
		case err == nil:
			failures = 0
		case errors.Is(err, errContested):
			again = time.After(repairPause)
		case ctx.Err() == nil:
			failures++
			c.metrics.failure(err)
			c.Log.Warn("the configuration cannot be written", "error", err)
			again = time.After(pauseAfter(failures + electionPause))
		}
	}
}

// settle makes the configuration if there is none, and has its status say what runs.
func (c *Controller) settle(ctx context.Context) error {
	kcc := c.kcc.Load()
	if kcc == nil {
		_, err := c.Store.Create(ctx, resources.NewKubeControllersConfiguration())
		if err != nil && !errors.Is(err, datastore.ErrExists) {
			return fmt.Errorf("create the configuration: %w", err)
		}
		if err == nil {
			c.Log.Info("made the configuration, since there was none")
		}
		return nil // the watch will tell, and the status follows
	}
	return c.writeStatus(ctx, kcc)
}
