// What it costs a kubelet to write the readings of 30 pods of 2 containers in each of the forms that it
// knows. It answers with the same handler as here: go test -bench . ./encodings
package encodings

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"

var forms = []struct{ name, accept, encoding string }{
	{"text", "text/plain", "identity"},
	{"text, gzip", "text/plain", "gzip"},
	{"protobuf", protobuf, "identity"},
	{"protobuf, gzip", protobuf, "gzip"},
}

func BenchmarkAnswer(b *testing.B) {
	families, err := families()
	if err != nil {
		b.Fatal(err)
	}
	gathered := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil })
	handler := promhttp.HandlerFor(gathered, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	for _, form := range forms {
		request := httptest.NewRequest(http.MethodGet, "/metrics/resource", nil)
		request.Header.Set("Accept", form.accept)
		request.Header.Set("Accept-Encoding", form.encoding)
		b.Run(form.name, func(b *testing.B) {
			answer := httptest.NewRecorder()
			for b.Loop() {
				answer = httptest.NewRecorder()
				handler.ServeHTTP(answer, request)
			}
			if answer.Code != http.StatusOK {
				b.Fatal(answer.Code)
			}
			b.ReportMetric(float64(answer.Body.Len()), "bytes")
		})
	}
}

// The families of /metrics/resource, as the kubelet's collector makes them.
func families() ([]*dto.MetricFamily, error) {
	var text bytes.Buffer
	family := func(name, kind string, line func(pod, container string, place int) string, containers ...string) {
		fmt.Fprintf(&text, "# HELP %s [STABLE] What the family tells in its unit\n# TYPE %s %s\n", name, name, kind)
		for c, container := range containers {
			for p := range 30 {
				text.WriteString(name + line(fmt.Sprintf("frontend-7d9c5b8f6d-%05d", p), container, 2*p+c))
			}
		}
	}
	sample := func(pod, container string, place int) string {
		labels := fmt.Sprintf(`namespace="production",pod=%q`, pod)
		if container != "" {
			labels = fmt.Sprintf(`container=%q,`, container) + labels
		}
		return fmt.Sprintf("{%s} %v %d\n", labels, 314.707783+float64(place)*1.234567, 1795391071434+place*37)
	}
	for _, name := range []string{"cpu_usage_seconds_total", "memory_working_set_bytes", "swap_limit_bytes", "swap_usage_bytes", "start_time_seconds"} {
		kind := "gauge"
		if strings.HasSuffix(name, "_total") {
			kind = "counter"
		}
		family("container_"+name, kind, sample, "application", "istio-proxy")
	}
	for _, name := range []string{"cpu_usage_seconds_total", "memory_working_set_bytes", "swap_usage_bytes"} {
		family("pod_"+name, "untyped", sample, "")
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	byName, err := parser.TextToMetricFamilies(&text)
	if err != nil {
		return nil, err
	}
	var all []*dto.MetricFamily
	for _, family := range byName {
		all = append(all, family)
	}
	return all, nil
}
