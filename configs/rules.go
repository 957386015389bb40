package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/whitelist"
)

// LoadRules reads and compiles the rules and the whitelist that the configuration names. The error
// joins everything that is wrong with them; what is no error is among the problems.
func (l *Loaded) LoadRules() (set *rules.Set, list *whitelist.List, problems []rules.Problem, err error) {
	if l.FS != nil {
		set, list, problems, err = l.embeddedRules()
	} else {
		set, list, problems, err = l.rulesFromDisk()
	}
	if err != nil {
		return nil, nil, nil, err
	}
	problems = append(set.Problems, problems...)
	return set, list, problems, rules.Err(problems)
}

func (l *Loaded) rulesFromDisk() (*rules.Set, *whitelist.List, []rules.Problem, error) {
	set, err := rules.Load(l.Rules, l.Dir)
	if err != nil {
		return nil, nil, nil, err
	}
	list, problems, err := whitelist.Load(l.Whitelist, l.Dir, set)
	return set, list, problems, err
}

func (l *Loaded) embeddedRules() (*rules.Set, *whitelist.List, []rules.Problem, error) {
	ruleSources, err1 := readAll(l.FS, l.Rules.Files)
	listSources, err2 := readAll(l.FS, l.Whitelist.Files)
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, nil, err
	}
	set, err := rules.Parse(l.Rules, ruleSources)
	if err != nil {
		return nil, nil, nil, err
	}
	list, problems := whitelist.Parse(l.Whitelist, listSources, set, time.Now())
	return set, list, problems, nil
}

// readAll reads files and folders of an embedded file system.
func readAll(fsys fs.FS, names []string) ([]rules.Source, error) {
	var all []rules.Source
	for _, name := range names {
		err := fs.WalkDir(fsys, name, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yaml") {
				return err
			}
			data, err := fs.ReadFile(fsys, path)
			all = append(all, rules.Source{Name: "embedded:" + path, Data: data})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read embedded %s: %w", name, err)
		}
	}
	return all, nil
}
