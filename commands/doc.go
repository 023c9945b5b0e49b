// Package commands is the command line: one file for each command, which turns flags
// into options, checks them and runs. It owns all wording and all exit codes. Nothing
// else knows cobra.
package commands
