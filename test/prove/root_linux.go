package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// asRoot runs this program again as the root of a user namespace, unless it is root already. done tells that it did.
func asRoot(ctx context.Context) (status int, done bool, err error) {
	const inside = "CALICOCTL_PROVE_INSIDE"
	if os.Geteuid() == 0 || os.Getenv(inside) != "" {
		return 0, false, nil
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"=yes")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	err = cmd.Run()
	if cmd.ProcessState == nil { // no user namespace: what is lacking is found out here
		return 0, false, nil
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), true, nil
	}
	return 0, true, err
}

// lacking says what the proof needs and this machine has not.
func lacking(ctx context.Context) error {
	for program, pkg := range map[string]string{"nft": "nftables", "ip": "iproute2"} {
		if _, err := exec.LookPath(path(program)); err != nil {
			return fmt.Errorf("%s is missing; on Debian, apt-get install %s", program, pkg)
		}
	}
	problem := make(chan error)
	go func() { problem <- tryLab(ctx) }() // on a thread that ends with it
	if err := <-problem; err != nil {
		return fmt.Errorf("no host can be set up in a network namespace: %w", err)
	}
	return nil
}

// tryLab makes a lab and runs a trial without rules there.
func tryLab(ctx context.Context) error {
	l, err := newLab(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	_, err = l.run(&trial{name: "no rules"}, 0)
	return err
}

// path is where a program is: Debian keeps these where only root looks.
func path(program string) string {
	if _, err := exec.LookPath(program); err == nil {
		return program
	}
	return "/usr/sbin/" + program
}

// versions are those of the judges.
func versions(ctx context.Context) (kernel, nft string, err error) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "", "", err
	}
	out, err := exec.CommandContext(ctx, path("nft"), "--version").Output()
	if err != nil {
		return "", "", fmt.Errorf("nft --version: %w", err)
	}
	return strings.TrimSpace(string(release)), strings.TrimSpace(string(out)), nil
}
