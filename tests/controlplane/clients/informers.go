package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/features"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	typed "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"
)

// lookPeriod is the pause between two comparisons that have to find a quiet
// moment: far below the time between two changes.
const lookPeriod = 100 * time.Millisecond

// informer is one that runs, and another way to learn what it should hold.
type informer struct {
	name   string
	wire   *wire
	events atomic.Int64
	shared cache.SharedIndexInformer
	list   func(context.Context) (runtime.Object, error)
	// What both held when they were last found equal.
	last objects
}

// found is what a check of an informer saw.
type found struct {
	Rounds  int     `json:"rounds"`
	Objects int     `json:"objects"`
	Events  int64   `json:"events"`
	Seconds float64 `json:"seconds"`
	traffic
}

// startInformers starts one for each kind of client.
func startInformers(ctx context.Context, config *rest.Config, group string) ([]*informer, error) {
	started := []*informer{}
	for _, resource := range []string{"pods", "nodes"} {
		made, err := untyped(config, schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource})
		if err != nil {
			return nil, err
		}
		started = append(started, made)
	}
	made, err := protobufPods(config)
	if err != nil {
		return nil, err
	}
	started = append(started, made)
	for _, one := range started {
		if err := one.run(ctx); err != nil {
			return nil, err
		}
	}
	return started, nil
}

// untyped follows a resource as controllers do that have no Go types for it.
func untyped(config *rest.Config, resource schema.GroupVersionResource) (*informer, error) {
	made := &informer{name: called(resource) + " as JSON", wire: &wire{}}
	client, err := dynamic.NewForConfig(made.wire.counted(config))
	if err != nil {
		return nil, err
	}
	fresh, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	made.shared = dynamicinformer.NewFilteredDynamicInformer(client, resource, "", 0, cache.Indexers{}, nil).Informer()
	made.list = func(ctx context.Context) (runtime.Object, error) {
		return fresh.Resource(resource).List(ctx, metav1.ListOptions{})
	}
	return made, nil
}

// protobufPods follows the pods of metrics.k8s.io with their Go types, which
// is to say as protobuf.
func protobufPods(config *rest.Config) (*informer, error) {
	made := &informer{name: "metrics.k8s.io/v1beta1 pods as protobuf", wire: &wire{}}
	client, err := typed.NewForConfig(accepting(made.wire.counted(config), protobufType, jsonType))
	if err != nil {
		return nil, err
	}
	// Its fresh lists come as JSON: what both say alike, both decode alike.
	fresh, err := typed.NewForConfig(accepting(config, jsonType))
	if err != nil {
		return nil, err
	}
	pods := client.PodMetricses("")
	watcher := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return pods.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return pods.Watch(ctx, options)
		},
	}
	made.shared = cache.NewSharedIndexInformerWithOptions(
		cache.ToListWatcherWithWatchListSemantics(watcher, client),
		&metricsv1beta1.PodMetrics{}, cache.SharedIndexInformerOptions{})
	made.list = func(ctx context.Context) (runtime.Object, error) {
		return fresh.PodMetricses("").List(ctx, metav1.ListOptions{})
	}
	return made, nil
}

// run starts the informer and waits until it holds a first state, got as the
// feature gate says.
func (i *informer) run(ctx context.Context) error {
	count := func(any) { i.events.Add(1) }
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc: count, UpdateFunc: func(any, any) { i.events.Add(1) }, DeleteFunc: count,
	}
	if _, err := i.shared.AddEventHandler(handler); err != nil {
		return err
	}
	go i.shared.RunWithContext(ctx)
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if !cache.WaitForCacheSync(ctx.Done(), i.shared.HasSynced) {
		return fmt.Errorf("%s: never synced: %+v", i.name, i.wire.seen())
	}
	seen, streams := i.wire.seen(), features.FeatureGates().Enabled(features.WatchListClient)
	if streams != (seen.WatchLists == 1 && seen.Lists == 0) {
		return fmt.Errorf("%s: WatchList is %t, and the first state came by %+v", i.name, streams, seen)
	}
	return nil
}

// staysInSync finds the informer equal to a fresh list once in each of so many
// rounds, never twice with the same state.
func (i *informer) staysInSync(ctx context.Context, rounds int, round time.Duration) (found, error) {
	began, done := time.Now(), 0
	err := i.roundInSync(ctx)
	for ticks := time.Tick(round); err == nil; err = i.roundInSync(ctx) {
		if done++; done == rounds {
			break
		}
		<-ticks
	}
	seen := found{
		Rounds: done, Objects: len(i.last), Events: i.events.Load(),
		Seconds: float64(time.Since(began).Milliseconds()) / 1000, traffic: i.wire.seen(),
	}
	return seen, err
}

func (i *informer) roundInSync(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	for {
		listed, err := i.looksEqual(ctx)
		if err == nil && i.last.compare(listed) != nil {
			i.last = listed
			return nil
		}
		if err == nil {
			err = errors.New("nothing has changed")
		}
		if wrong, is := errors.AsType[contradiction](err); is {
			return wrong
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not in sync within %s: %w", checkTimeout, err)
		case <-time.After(lookPeriod):
		}
	}
}

// looksEqual compares a fresh list with the informer's store.
func (i *informer) looksEqual(ctx context.Context) (objects, error) {
	list, err := i.list(ctx)
	if err != nil {
		return nil, err
	}
	listed, err := itemsOf(list)
	if err != nil {
		return nil, err
	}
	stored := []runtime.Object{}
	for _, one := range i.shared.GetStore().List() {
		stored = append(stored, one.(runtime.Object))
	}
	held, err := objectsOf(stored)
	if err != nil {
		return nil, err
	}
	return listed, listed.compare(held)
}
