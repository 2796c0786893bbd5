package main

import (
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
)

// object is what a client decoded, whatever its Go type, in one form.
type object struct {
	revision string
	// Without the revision, which need not be the same in two copies.
	content map[string]any
}

// objects are by namespace and name.
type objects map[string]object

func objectsOf(all []runtime.Object) (objects, error) {
	read := make(objects, len(all))
	for _, one := range all {
		key, err := cache.MetaNamespaceKeyFunc(one)
		if err != nil {
			return nil, err
		}
		if _, twice := read[key]; twice {
			return nil, fmt.Errorf("%s is there twice", key)
		}
		if read[key], err = objectOf(one); err != nil {
			return nil, err
		}
	}
	return read, nil
}

func objectOf(one runtime.Object) (object, error) {
	accessor, err := meta.Accessor(one)
	if err != nil {
		return object{}, err
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(one.DeepCopyObject())
	if err != nil {
		return object{}, err
	}
	unstructured.RemoveNestedField(content, "metadata", "resourceVersion")
	// Typed clients drop both from the elements of a list.
	delete(content, "kind")
	delete(content, "apiVersion")
	return object{revision: accessor.GetResourceVersion(), content: content}, nil
}

func itemsOf(list runtime.Object) (objects, error) {
	items, err := meta.ExtractList(list)
	if err != nil {
		return nil, err
	}
	return objectsOf(items)
}

// contradiction is two contents under one revision: no later moment mends it.
type contradiction string

func (c contradiction) Error() string { return string(c) }

// compare tells the first difference: a contradiction, or something that may
// be one moment later.
func (o objects) compare(other objects) error {
	var later error
	for key, one := range o {
		counterpart, there := other[key]
		switch {
		case !there:
			later = fmt.Errorf("%s is in one alone", key)
		case reflect.DeepEqual(one.content, counterpart.content):
		case one.revision != "" && one.revision == counterpart.revision:
			return contradiction(fmt.Sprintf("%s at revision %s: %v is not %v", key, one.revision, one.content, counterpart.content))
		default:
			later = fmt.Errorf("%s at revisions %s and %s: %v is not %v",
				key, one.revision, counterpart.revision, one.content, counterpart.content)
		}
	}
	if later == nil && len(o) != len(other) {
		later = fmt.Errorf("%d objects are not %d", len(o), len(other))
	}
	return later
}

// name is namespace and name.
func (o object) name() (namespace, name string) {
	namespace, _, _ = unstructured.NestedString(o.content, "metadata", "namespace")
	name, _, _ = unstructured.NestedString(o.content, "metadata", "name")
	return namespace, name
}
