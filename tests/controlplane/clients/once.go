package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"
	typed "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"
)

const (
	protobufType = "application/vnd.kubernetes.protobuf"
	jsonType     = "application/json"
	// pageSize leaves a small cluster's pods on several pages.
	pageSize = 5
)

// accepting is a copy of config that asks for these content types, the first
// one rather than the next.
func accepting(config *rest.Config, types ...string) *rest.Config {
	config = rest.CopyConfig(config)
	config.ContentType = types[0]
	config.AcceptContentTypes = strings.Join(types, ",")
	return config
}

// asked is what a check of lists and gets saw.
type asked struct {
	Objects int `json:"objects"`
	*traffic
}

// reader is one resource through one client.
type reader struct {
	list func(context.Context, metav1.ListOptions) (runtime.Object, error)
	get  func(ctx context.Context, namespace, name string) (runtime.Object, error)
}

// once lists and gets everything with every kind of client.
func once(ctx context.Context, config *rest.Config, group string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*checkTimeout)
	defer cancel()
	ok := tell("typed metrics.k8s.io/v1beta1 pods: both encodings say the same", nil, encodingsAlike(ctx, config))
	for _, encoding := range []string{jsonType, protobufType} {
		passed := &wire{}
		client, err := typed.NewForConfig(accepting(passed.counted(config), encoding, jsonType))
		if err != nil {
			return err
		}
		for name, reader := range map[string]reader{"nodes": typedNodes(client), "pods": typedPods(client)} {
			seen, err := reader.readsAlike(ctx)
			ok = tell(fmt.Sprintf("typed metrics.k8s.io/v1beta1 %s: %s", name, encoding), seen, err) && ok
		}
		ok = tell("every typed answer came as "+encoding, passed.seen(), passed.only(encoding)) && ok
	}
	for _, version := range []schema.GroupVersion{{Group: group, Version: "v1"}, {Group: "metrics.k8s.io", Version: "v1beta1"}} {
		for _, resource := range []string{"nodes", "pods"} {
			ok = untypedChecks(ctx, config, version.WithResource(resource)) && ok
		}
	}
	ok = untypedChecks(ctx, config, schema.GroupVersionResource{Group: group, Version: "v1", Resource: "nodescrapes"}) && ok
	if !ok {
		return errFailed
	}
	return nil
}

// called is a resource as people write it.
func called(resource schema.GroupVersionResource) string {
	return resource.GroupVersion().String() + " " + resource.Resource
}

// encodingsAlike lists pods in both encodings and finds the same.
func encodingsAlike(ctx context.Context, config *rest.Config) error {
	text, err := typed.NewForConfig(accepting(config, jsonType))
	if err != nil {
		return err
	}
	binary, err := typed.NewForConfig(accepting(config, protobufType))
	if err != nil {
		return err
	}
	both := typedPods(text)
	both.get = typedPods(binary).get
	_, err = both.readsAlike(ctx)
	return err
}

// untypedChecks reads a resource through the dynamic client, in pages, and as
// bare metadata, which is what the garbage collector reads.
func untypedChecks(ctx context.Context, config *rest.Config, resource schema.GroupVersionResource) bool {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return tell("dynamic "+called(resource), nil, err)
	}
	all := client.Resource(resource)
	objects := reader{
		list: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return all.List(ctx, o) },
		get: func(ctx context.Context, namespace, name string) (runtime.Object, error) {
			return all.Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
		},
	}
	seen, err := objects.readsAlike(ctx)
	ok := tell("dynamic "+called(resource), seen, err)
	seen, err = inPages(ctx, config, resource)
	ok = tell("in pages "+called(resource), seen, err) && ok
	seen, err = metadataAlike(ctx, config, resource)
	return tell("metadata alone "+called(resource), seen, err) && ok
}

func typedNodes(client typed.MetricsV1beta1Interface) reader {
	nodes := client.NodeMetricses()
	return reader{
		list: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return nodes.List(ctx, o) },
		get: func(ctx context.Context, _, name string) (runtime.Object, error) {
			return nodes.Get(ctx, name, metav1.GetOptions{})
		},
	}
}

func typedPods(client typed.MetricsV1beta1Interface) reader {
	return reader{
		list: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return client.PodMetricses("").List(ctx, o)
		},
		get: func(ctx context.Context, namespace, name string) (runtime.Object, error) {
			return client.PodMetricses(namespace).Get(ctx, name, metav1.GetOptions{})
		},
	}
}

// readsAlike gets every object of a list and finds it as the list told it. It
// tries again when a scrape came between the two.
func (r reader) readsAlike(ctx context.Context) (asked, error) {
	var last error
	for range 50 {
		objects, err := r.readOnce(ctx)
		if err == nil {
			return asked{Objects: objects}, nil
		}
		_, refused := errors.AsType[*apierrors.StatusError](err)
		if _, wrong := errors.AsType[contradiction](err); wrong || refused || ctx.Err() != nil {
			return asked{}, err
		}
		last = err
		time.Sleep(lookPeriod)
	}
	return asked{}, last
}

func (r reader) readOnce(ctx context.Context) (int, error) {
	list, err := r.list(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, err
	}
	listed, err := itemsOf(list)
	if err != nil {
		return 0, err
	}
	if len(listed) == 0 {
		return 0, errors.New("the list is empty")
	}
	got := make(objects, len(listed))
	for key, one := range listed {
		namespace, name := one.name()
		single, err := r.get(ctx, namespace, name)
		if err != nil {
			return 0, err
		}
		if got[key], err = objectOf(single); err != nil {
			return 0, err
		}
	}
	return len(listed), listed.compare(got)
}

// inPages reads a list page by page and finds what is in the whole one.
func inPages(ctx context.Context, config *rest.Config, resource schema.GroupVersionResource) (asked, error) {
	passed := &wire{}
	client, err := dynamic.NewForConfig(passed.counted(config))
	if err != nil {
		return asked{}, err
	}
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return client.Resource(resource).List(ctx, options)
	})
	pages.PageSize = pageSize
	keys := map[string]bool{}
	err = pages.EachListItem(ctx, metav1.ListOptions{}, func(one runtime.Object) error {
		read, err := objectsOf([]runtime.Object{one})
		for key := range read {
			keys[key] = true
		}
		return err
	})
	seen := asked{Objects: len(keys), traffic: new(passed.seen())}
	if err != nil {
		return seen, err
	}
	if wanted := (len(keys) + pageSize - 1) / pageSize; seen.Lists != wanted {
		return seen, fmt.Errorf("%d objects came on %d pages, not %d", len(keys), seen.Lists, wanted)
	}
	whole, err := client.Resource(resource).List(ctx, metav1.ListOptions{})
	if err == nil && len(whole.Items) != len(keys) {
		err = fmt.Errorf("%d objects on pages, %d in all", len(keys), len(whole.Items))
	}
	return seen, err
}

// metadataAlike reads a list as metadata in protobuf and finds the names and
// labels of the whole one.
func metadataAlike(ctx context.Context, config *rest.Config, resource schema.GroupVersionResource) (asked, error) {
	passed := &wire{}
	client, err := metadata.NewForConfig(passed.counted(config))
	if err != nil {
		return asked{}, err
	}
	list, err := client.Resource(resource).List(ctx, metav1.ListOptions{})
	if err != nil {
		return asked{}, err
	}
	seen := asked{Objects: len(list.Items), traffic: new(passed.seen())}
	whole, err := dynamic.NewForConfig(config)
	if err != nil {
		return seen, err
	}
	objects, err := whole.Resource(resource).List(ctx, metav1.ListOptions{})
	if err != nil {
		return seen, err
	}
	if len(objects.Items) != len(list.Items) {
		return seen, fmt.Errorf("%d objects, %d in the whole list", len(list.Items), len(objects.Items))
	}
	for at, one := range list.Items {
		full := objects.Items[at]
		if one.Namespace != full.GetNamespace() || one.Name != full.GetName() || len(one.Labels) != len(full.GetLabels()) {
			return seen, fmt.Errorf("%v is not of %v", one.ObjectMeta, full.Object["metadata"])
		}
	}
	return seen, passed.only(protobufType)
}
