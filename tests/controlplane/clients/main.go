// Command clients asks a metrics API as Go programs do: with client-go's typed,
// dynamic and metadata clients, and with the informers that controllers keep.
// Every check prints one line of JSON; the exit status is 1 when one failed.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// checkTimeout ends a check that does not come to pass.
const checkTimeout = 60 * time.Second

// allDone ends the answer to a line of stdin.
const allDone = "all done"

// report is the line that a check prints.
type report struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	Seen  any    `json:"seen,omitempty"`
}

var errFailed = errors.New("a check failed")

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		os.Exit(1)
	}
}

func run() error {
	flags := pflag.NewFlagSet("clients", pflag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "whom to ask, as whom")
	group := flags.String("group", "custom.example.com", "the API group beside metrics.k8s.io")
	round := flags.Duration("round", 5*time.Second, "what the server was told to be its resolution")
	flags.Usage = func() {
		fmt.Fprint(os.Stderr, "usage: clients once|follow --kubeconfig FILE\n\n"+
			"once    lists and gets with every kind of client\n"+
			"follow  keeps informers; for each line `rounds N LABEL` on stdin, checks that\n"+
			"        they equal a fresh list in each of N rounds of scrapes\n\n"+flags.FlagUsages())
	}
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	// No limit of the client's own: what is measured is the server.
	config.QPS = -1
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	switch flags.Arg(0) {
	case "once":
		return once(ctx, config, *group)
	case "follow":
		return follow(ctx, config, *group, *round)
	}
	flags.Usage()
	return errors.New("what to do?")
}

// follow checks informers whenever stdin asks for it, until it ends.
func follow(ctx context.Context, config *rest.Config, group string, round time.Duration) error {
	informers, err := startInformers(ctx, config, group)
	if err != nil {
		return err
	}
	failed := false
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		words := strings.SplitN(lines.Text(), " ", 3)
		rounds := 0
		if len(words) == 3 && words[0] == "rounds" {
			rounds, err = strconv.Atoi(words[1])
		}
		if rounds == 0 || err != nil {
			return fmt.Errorf("not understood: %q", lines.Text())
		}
		var checks sync.WaitGroup
		var bad atomic.Bool
		for _, one := range informers {
			checks.Go(func() {
				seen, err := one.staysInSync(ctx, rounds, round)
				if !tell(fmt.Sprintf("%s: %s", words[2], one.name), seen, err) {
					bad.Store(true)
				}
			})
		}
		checks.Wait()
		failed = failed || bad.Load()
		tell(allDone, nil, nil)
	}
	if failed {
		return errFailed
	}
	return nil
}

// tell prints a check's line and answers whether it went well.
func tell(check string, seen any, err error) bool {
	line := report{Check: check, OK: err == nil, Seen: seen}
	if err != nil {
		line.Error = err.Error()
	}
	text, err := json.Marshal(line)
	if err != nil {
		text = fmt.Appendf(nil, `{"check":%q,"ok":false}`, check)
	}
	fmt.Println(string(text))
	return line.OK
}
