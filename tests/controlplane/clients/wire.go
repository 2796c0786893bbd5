package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
)

// wire counts what a client asks and is answered, below all of client-go.
type wire struct {
	mu     sync.Mutex
	counts traffic
}

// traffic is what passed.
type traffic struct {
	Lists int `json:"lists"`
	// Watches that do not ask for the initial state, and those that do.
	Watches    int `json:"watches"`
	WatchLists int `json:"watchLists"`
	// Content types of good answers, without their parameters.
	ContentTypes map[string]int `json:"contentTypes"`
}

// counted is a copy of config whose requests w counts.
func (w *wire) counted(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return tripper(func(request *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(request)
			if err == nil {
				w.count(request, response)
			}
			return response, err
		})
	})
	return config
}

func (w *wire) seen() traffic {
	w.mu.Lock()
	defer w.mu.Unlock()
	copied := w.counts
	copied.ContentTypes = make(map[string]int, len(w.counts.ContentTypes))
	for kind, times := range w.counts.ContentTypes {
		copied.ContentTypes[kind] = times
	}
	return copied
}

func (w *wire) count(request *http.Request, response *http.Response) {
	w.mu.Lock()
	defer w.mu.Unlock()
	query := request.URL.Query()
	switch {
	case query.Get("watch") == "":
		w.counts.Lists++
	case query.Get("sendInitialEvents") == "true":
		w.counts.WatchLists++
	default:
		w.counts.Watches++
	}
	if response.StatusCode != http.StatusOK {
		return
	}
	if w.counts.ContentTypes == nil {
		w.counts.ContentTypes = map[string]int{}
	}
	kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	w.counts.ContentTypes[kind]++
}

type tripper func(*http.Request) (*http.Response, error)

func (t tripper) RoundTrip(request *http.Request) (*http.Response, error) { return t(request) }

// only is an error if an answer came in another encoding.
func (w *wire) only(contentType string) error {
	seen := w.seen().ContentTypes
	if len(seen) != 1 || seen[contentType] == 0 {
		return fmt.Errorf("answers came as %v", seen)
	}
	return nil
}
