package api

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// benchFalco is an alert as Falco's stock rules make it.
func benchFalco(file string) string {
	return fmt.Sprintf(`{"hostname":"node-17","output":"10:02:03.123456789: Warning Sensitive file opened for reading by non-trusted program | file=%[1]s gparent=systemd ggparent=<NA> gggparent=<NA> evt_type=openat user=root user_uid=0 user_loginuid=-1 process=cat proc_exepath=/usr/bin/cat parent=bash command=cat %[1]s terminal=34816 container_id=3ad7b26ded6d container_name=shop container_image_repository=registry.internal/shop/web container_image_tag=1.4.2 k8s_pod_name=shop-7d4b9c-x2x4z k8s_ns_name=shop","output_fields":{"container.id":"3ad7b26ded6d","container.image.repository":"registry.internal/shop/web","container.image.tag":"1.4.2","container.name":"shop","evt.time":1795428123123456789,"evt.type":"openat","fd.name":%[1]q,"k8s.ns.name":"shop","k8s.pod.name":"shop-7d4b9c-x2x4z","proc.aname[2]":"systemd","proc.aname[3]":null,"proc.cmdline":"cat /etc/shadow","proc.exepath":"/usr/bin/cat","proc.name":"cat","proc.pname":"bash","proc.tty":34816,"user.loginuid":-1,"user.name":"root","user.uid":0},"priority":"Warning","rule":"Read sensitive file untrusted","source":"syscall","tags":["T1555","container","filesystem","host","maturity_stable","mitre_credential_access"],"time":"2026-11-23T10:02:03.123456789Z"}`, file)
}

// One op takes an alert from Falco's JSON to what the bus keeps.
func BenchmarkFalco(b *testing.B) {
	body := []byte(benchFalco("/etc/shadow"))
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := falcoAlert(body, "router"); err != nil {
				b.Fatal(err)
			}
		}
	})
	batch := []byte("[" + strings.Repeat(string(body)+",", 99) + string(body) + "]")
	b.Run("split 100", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if all, ok := alertjson.Split(batch); !ok || len(all) != 100 {
				b.Fatal(len(all), ok)
			}
		}
	})
	a, err := falcoAlert(body, "router")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("append", func(b *testing.B) {
		var buf []byte
		for b.Loop() {
			buf, _ = alertjson.Append(buf[:0], &a)
		}
		b.ReportMetric(float64(len(buf)), "bytes")
	})
	all, _, _ := alertjson.AppendRows(nil, []pipeline.Alert{a}, math.MaxInt)
	b.Run("read back", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := alertjson.ReadAll(all); err != nil {
				b.Fatal(err)
			}
		}
	})
}
