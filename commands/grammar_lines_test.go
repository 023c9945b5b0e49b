package commands

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// grammarValues are values that each flag takes, so that only the spelling of a command
// line decides about it.
var grammarValues = map[string][]string{
	"log-level": {"error"},
	"context":   {"other", "-x", ""},
	"filename":  {"policy.yaml", "-"},
	"config":    {"calicoctl.cfg"},
	"namespace": {"", "team"},
	"output":    {"wide", "custom-columns=NAME"},
	"patch":     {`{"spec": {"node": "a=b -c"}}`},
	"type":      {"merge"},
	"poll":      {"1m"},
}

// skeleton is a command line that is complete: the command, its words, and the flags
// that it cannot do without.
type skeleton struct {
	words, flags []string
	// extra is why one more word makes a difference, if it does.
	extra string
}

var skeletons = []skeleton{
	{words: []string{"create"}, flags: []string{"--filename=policy.yaml"}, extra: "words beside a file"},
	{words: []string{"apply"}, flags: []string{"--filename=policy.yaml"}, extra: "words beside a file"},
	{words: []string{"replace"}, flags: []string{"--filename=policy.yaml"}, extra: "words beside a file"},
	{words: []string{"validate"}, flags: []string{"--filename=policy.yaml"}, extra: "words beside a file"},
	{words: []string{"delete"}, flags: []string{"--filename=policy.yaml"}},
	{words: []string{"delete", "hep", "h1", "h2"}},
	{words: []string{"get"}, flags: []string{"--filename=policy.yaml"}, extra: "words beside a file"},
	{words: []string{"get", "hep"}},
	{words: []string{"get", "hep", "h1", "h2", "h1"}},
	{words: []string{"patch", "hep", "h1"}, flags: []string{"--patch={}"}},
	{words: []string{"label", "hep", "h1", "a=b"}},
	{words: []string{"label", "hep", "h1", "a"}, flags: []string{"--remove"}, extra: "several labels"},
	{words: []string{"version"}},
}

// moreLines are lines that no rule makes.
var moreLines = []grammarLine{
	{args: splitShell("get -Rf policy.yaml")},
	{args: splitShell("get -Rfpolicy.yaml -owide")},
	{args: splitShell("apply -fR -R")},
	{args: splitShell("apply -f- -R")},
	{args: splitShell("get hep -aowide")},
	{args: splitShell("get hep -a -A")},
	{args: splitShell("get hep -A")},
	{args: splitShell("get hep -Az")},
	{args: splitShell("get hep -")},
	{args: splitShell("get hep,gnp")},
	{args: splitShell("get -o wide hep -c calicoctl.cfg h1")},
	{args: splitShell("-l error --context=other get --allow-version-mismatch hep")},
	{args: splitShell("delete hep h1 h1 -s")},
	{args: splitShell("delete hep h1 -sc calicoctl.cfg")},
	{args: splitShell("delete hep h1 --filename=policy.yaml")},
	{args: splitShell("patch hep h1 -p[] -tjson")},
	{args: splitShell("patch -p '{}' -t merge hep h1")},
	{args: splitShell("label hep h1 a- ")[:4]},
	{args: splitShell("label hep --overwrite h1 a=b=c")},
	{args: splitShell("label hep h1 a=")},
	{args: splitShell("label hep h1 a=b --overwrite --remove")},
	{args: splitShell("version --client --poll 1m")},
	{args: splitShell("get --help")},
	{args: splitShell("patch -h")},
	{args: splitShell("--help")},
	{args: splitShell("gett hep")},
	{args: splitShell("- get hep")},
	{args: splitShell("-l get hep")},
	{args: splitShell("convert -f policy.yaml")},
	{args: []string{""}},

	{args: []string{}, differs: "no command"},
	{args: splitShell("help get"), differs: "no command"},
	{args: splitShell("get hep -- h1"), differs: "end of flags"},
	{args: splitShell("apply -f policy.yaml --"), differs: "end of flags"},
	{args: splitShell("get hep --context --"), differs: "end of flags"},
	{args: splitShell("get hep -f policy.yaml"), differs: "words beside a file"},
	{args: splitShell("get hep --selector all()"), differs: "flags of our own"},
	{args: splitShell("get hep --all-namespaces-a"), differs: "flags of our own"},
	{args: splitShell("apply -f policy.yaml --dry-run"), differs: "flags of our own"},
	{args: splitShell("apply -f policy.yaml --atomic"), differs: "flags of our own"},
	{args: splitShell("label hep --all a=b"), differs: "flags of our own"},
	{args: splitShell("patch hep h1 --patch-file patch.json"), differs: "flags of our own"},
	{args: splitShell("validate -f policy.yaml -o json"), differs: "flags of our own"},
	{args: splitShell("label hep h1 a=b c=d"), differs: "several labels"},
	{args: splitShell("label hep h1 --remove a c"), differs: "several labels"},
}

// grammarDifferences are the command lines about which the two are meant to disagree,
// and why. A line is named with its difference where it is made.
var grammarDifferences = map[string]string{
	"no command":                 "calicoctl alone, and help, show help with exit status 0, as cobra does",
	"end of flags":               "-- ends the flags, as everywhere else; docopt takes it for a word, and never for a value",
	"abbreviation":               "docopt takes any unambiguous beginning of a long flag; a script that leans on it breaks with the next flag, and cobra has none of it",
	"-f=FILE":                    "docopt takes the = for part of the value; nobody has files or formats that begin with =",
	"switch with a value":        "--export=true is in recorded command lines of later versions",
	"flag given twice":           "the last one wins, as in later versions; several -f are all read",
	"own flag before command":    "later versions take a command's flags before it as well",
	"log level after command":    "later versions take global flags after the command as well",
	"words beside a file":        "later versions ignore words beside -f; get warns of them. For delete, both refuse them",
	"file switches without file": "later versions ignore -R and --skip-empty without -f",
	"nothing to delete":          "docopt lets a kind without names pass, and then nothing can be deleted: we say so at once",
	"help before command":        "cobra takes the word after --help for its value, finds no command, and does not know the flags that follow",
	"no label":                   "docopt cannot see that a word without = is no label: we say so at once",
	"several labels":             "more than one label in a command",
	"flags of our own":           "see ownFlags",
}

// grammarLine is a command line; differs names the difference if it is meant to be one.
type grammarLine struct {
	args    []string
	differs string
}

// lines are all command lines, some of them more than once.
func (g *classic) lines() []grammarLine {
	lines := slices.Clone(moreLines)
	for _, s := range skeletons {
		lines = append(lines, s.broken()...)
		var all []string
		for _, name := range slices.Sorted(maps.Keys(g.flags)) {
			flag := g.flags[name]
			rest := s.without(flag)
			legal := g.takes(rest.with(1, flag.canonical()...))
			if legal {
				all = append(all, flag.canonical()...)
				lines = append(lines, rest.special(flag)...)
			}
			lines = append(lines, rest.spelled(flag, legal)...)
		}
		bare := skeleton{words: s.words}
		lines = append(lines, grammarLine{args: bare.with(1, all...)}, grammarLine{args: bare.with(len(s.words), all...)})
	}
	return lines
}

func (g *classic) takes(args []string) bool { return g.parse(args).Outcome == "taken" }

// with is the command line with more tokens before the word at an index.
func (s skeleton) with(at int, tokens ...string) []string {
	return slices.Concat(s.words[:at], tokens, s.words[at:], s.flags)
}

// without is the command line without a flag that it cannot do without.
func (s skeleton) without(f classicFlag) skeleton {
	s.flags = slices.DeleteFunc(slices.Clone(s.flags), func(token string) bool {
		return token == "--"+f.long || strings.HasPrefix(token, "--"+f.long+"=")
	})
	return s
}

// broken are command lines with pieces missing and with pieces too many.
func (s skeleton) broken() []grammarLine {
	end := len(s.words)
	lines := []grammarLine{
		{args: s.with(end)},
		{args: s.with(end, "extra"), differs: s.extra},
	}
	for i := range s.words {
		line := grammarLine{args: slices.Concat(s.words[:i], s.flags)}
		switch {
		case len(line.args) == 0:
			line.differs = "no command"
		case s.words[0] == "delete" && i == 2:
			line.differs = "nothing to delete"
		}
		lines = append(lines, line)
	}
	lines = append(lines, grammarLine{args: slices.Concat(s.words[1:], s.flags)})
	if end == 1 && len(s.flags) == 0 {
		lines[len(lines)-1].differs = "no command"
	}
	if len(s.flags) > 0 {
		line := grammarLine{args: s.words}
		if s.words[0] == "label" {
			line.differs = "no label"
		}
		lines = append(lines, line)
	}
	for _, unknown := range []string{"--bogus", "--bogus=1", "-z", "-Z"} {
		lines = append(lines, grammarLine{args: s.with(1, unknown)}, grammarLine{args: s.with(end, unknown)})
	}
	return lines
}

// canonical is the plainest spelling of a flag, with its first value.
func (f classicFlag) canonical() []string {
	if !f.valued {
		return []string{"--" + f.long}
	}
	return []string{"--" + f.long + "=" + grammarValues[f.long][0]}
}

// spellings are all ways to write a flag with a value.
func (f classicFlag) spellings(value string) [][]string {
	var all [][]string
	if f.valued {
		all = append(all, []string{"--" + f.long + "=" + value}, []string{"--" + f.long, value})
	} else {
		all = append(all, []string{"--" + f.long})
	}
	switch {
	case f.short == "":
	case !f.valued:
		all = append(all, []string{"-" + f.short})
	case value == "":
		all = append(all, []string{"-" + f.short, value})
	default:
		all = append(all, []string{"-" + f.short, value}, []string{"-" + f.short + value})
	}
	return all
}

// spelled are the command lines with one more flag: every value in every spelling in
// every place.
func (s skeleton) spelled(f classicFlag, legal bool) []grammarLine {
	global := slices.Contains([]string{"log-level", "context", "allow-version-mismatch", "help"}, f.long)
	values := grammarValues[f.long]
	if !f.valued {
		values = []string{""}
	}
	if !legal && !global {
		values = values[:1] // a flag that the command does not have is refused however it is spelled
	}
	var lines []grammarLine
	for _, value := range values {
		spellings := f.spellings(value)
		if !legal && !global {
			spellings = spellings[:1]
		}
		for _, tokens := range spellings {
			for at := range len(s.words) + 1 {
				line := grammarLine{args: s.with(at, tokens...)}
				switch {
				case at == 0 && legal && f.valued && !global:
					line.differs = "own flag before command"
				case !legal:
					line.differs = s.misplaced(f, at)
				}
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// misplaced is why a flag is taken that the classic grammar does not have there.
func (s skeleton) misplaced(f classicFlag, at int) string {
	switch {
	case f.long == "log-level" && at > 0:
		return "log level after command"
	case f.long == "help" && at == 0 && len(s.flags) > 0:
		return "help before command"
	case s.words[0] != "get" && s.words[0] != "delete" || len(s.words) == 1:
		return ""
	case f.long == "filename" && s.words[0] == "get":
		return "words beside a file"
	case at > 0 && (f.long == "recursive" || f.long == "skip-empty"):
		return "file switches without file"
	}
	return ""
}

// special are spellings of which each parser has its own opinion, and one that neither
// takes: a flag without its value.
func (s skeleton) special(f classicFlag) []grammarLine {
	flag, value := "--"+f.long, ""
	abbreviated := flag[:len(flag)-1]
	twice := append(f.canonical(), f.canonical()...)
	lines := []grammarLine{{args: s.with(1, twice...), differs: "flag given twice"}}
	if !f.valued {
		return append(lines,
			grammarLine{args: s.with(1, abbreviated), differs: "abbreviation"},
			grammarLine{args: s.with(1, flag+"=true"), differs: "switch with a value"},
			grammarLine{args: s.with(1, flag+"=maybe")})
	}
	for _, v := range grammarValues[f.long] {
		value = cmp.Or(value, v)
	}
	lines = append(lines,
		grammarLine{args: s.with(1, abbreviated+"="+value), differs: "abbreviation"},
		grammarLine{args: append(s.with(1), flag)})
	if f.short != "" {
		lines = append(lines,
			grammarLine{args: s.with(1, "-"+f.short+"="+value), differs: "-f=FILE"},
			grammarLine{args: append(s.with(1), "-"+f.short)})
	}
	return lines
}
