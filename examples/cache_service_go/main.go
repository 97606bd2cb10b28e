// SPDX-License-Identifier: MIT

// cache_service is ../cache_service.c in Go: the same cache, the same sizes, the same promise.
//
//	cache_service [-live SIZE] [-seconds N] [-threads N] [-seed N]
//
// Entries of keys (16 to 64 bytes) and values (log-normal around 512 bytes, up to 16 KiB) are held
// up to exactly -live bytes and replaced at random. Here the heap is not malloc's but Go's: freed
// entries wait for the collector, which by default lets the heap double before it runs. So the same
// 1.23 GB of live data ask for up to twice as much, unless GOMEMLIMIT says otherwise.
//
// Invariant: the bytes of keys and values in all maps never exceed reserved, and reserved never
// exceeds the limit. A shard's map is guarded by its lock. Prints one JSON line at the end.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/bits"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	shardCount     = 64
	sizeCount      = 4096 // equally likely value sizes, the quantiles of the distribution
	valueMedian    = 512
	valueMax       = 16384
	keyMin, keyMax = 16, 64
	latencyBuckets = 640 // 16 per doubling of nanoseconds
)

type shard struct {
	sync.Mutex
	entries map[string][]byte
}

type worker struct {
	random                     uint64
	nextKey                    uint64
	ops, overwrites, evictions uint64
	latency                    [latencyBuckets]uint64
}

type service struct {
	shards   [shardCount]shard
	sizes    [sizeCount]int
	limit    int64 // live bytes that are allowed
	reserved int64 // atomic
	highest  int64 // atomic
	keys     uint64
}

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (w *worker) draw() uint64 {
	w.random += 0x9e3779b97f4a7c15
	return mix(w.random)
}

func (w *worker) below(limit uint64) uint64 {
	return (w.draw() >> 32) * limit >> 32
}

// initSizes fills the quantiles of the log-normal distribution (sigma 0.8) and returns their mean.
func (s *service) initSizes() float64 {
	sum := 0.0
	for i := range s.sizes {
		probability := (float64(i) + 0.5) / sizeCount
		size := valueMedian * math.Exp(0.8*math.Sqrt2*math.Erfinv(2*probability-1))
		s.sizes[i] = int(math.Min(math.Max(size, 1), valueMax))
		sum += float64(s.sizes[i])
	}
	return sum / sizeCount
}

// key returns the key with number id in scratch: always the same bytes and length.
func key(scratch *[keyMax]byte, id, hash uint64) []byte {
	const digits = "0123456789abcdef"
	length := keyMin + int(hash>>40)%(keyMax-keyMin+1)
	for i := 0; i < length; i++ {
		from, at := id, i
		if i >= 16 {
			from, at = hash, i&15
		}
		scratch[i] = digits[from>>(4*at)&15]
	}
	return scratch[:length]
}

func check(value []byte, hash uint64) {
	if value[0] != byte(hash>>32) || value[len(value)-1] != byte(hash>>32) {
		panic("a value was overwritten while it was live")
	}
}

// reserve takes bytes of those allowed, before the entry is made; evict gives them back after.
func (s *service) reserve(bytes int64) bool {
	for {
		before := atomic.LoadInt64(&s.reserved)
		if before+bytes > s.limit {
			return false
		}
		if atomic.CompareAndSwapInt64(&s.reserved, before, before+bytes) {
			for {
				highest := atomic.LoadInt64(&s.highest)
				if before+bytes <= highest || atomic.CompareAndSwapInt64(&s.highest, highest, before+bytes) {
					return true
				}
			}
		}
	}
}

// evict throws one entry out: Go starts a walk over a map at a random place.
func (s *service) evict(w *worker) {
	from := &s.shards[w.below(shardCount)]
	from.Lock()
	bytes := 0
	for name, value := range from.entries {
		bytes = len(name) + len(value)
		delete(from.entries, name)
		break
	}
	from.Unlock()
	if bytes > 0 {
		atomic.AddInt64(&s.reserved, -int64(bytes))
		w.evictions++
	}
}

// set gives key id a new value. It returns false, having done nothing, when the cache is full and
// makeRoom is false.
func (s *service) set(w *worker, id uint64, makeRoom bool) bool {
	var scratch [keyMax]byte
	hash := mix(id + 1)
	name := key(&scratch, id, hash)
	size := s.sizes[w.draw()>>52]
	for !s.reserve(int64(len(name) + size)) {
		if !makeRoom {
			return false
		}
		s.evict(w)
	}
	value := make([]byte, size)
	for i := range value {
		value[i] = byte(hash >> 32)
	}
	home := &s.shards[hash%shardCount]
	home.Lock()
	old, there := home.entries[string(name)]
	home.entries[string(name)] = value
	home.Unlock()
	if there {
		check(old, hash)
		atomic.AddInt64(&s.reserved, -int64(len(old)+len(name)))
		w.overwrites++
	}
	return true
}

func bucketOf(ns uint64) int {
	if ns < 16 {
		return int(ns)
	}
	doubling := 63 - bits.LeadingZeros64(ns)
	bucket := (doubling-3)*16 + int(ns>>(doubling-4)&15)
	if bucket >= latencyBuckets {
		return latencyBuckets - 1
	}
	return bucket
}

func bucketNs(bucket int) uint64 {
	if bucket < 16 {
		return uint64(bucket)
	}
	return uint64(16+bucket%16) << (bucket/16 - 1)
}

func quantile(workers []worker, ops uint64, share float64) uint64 {
	var below uint64
	for bucket := 0; bucket < latencyBuckets; bucket++ {
		for i := range workers {
			below += workers[i].latency[bucket]
		}
		if below > 0 && float64(below) >= share*float64(ops) {
			return bucketNs(bucket)
		}
	}
	return 0
}

// parseSize reads SIZE as Ullage does: k M G T are powers of 1000, Ki Mi Gi Ti of 1024.
func parseSize(text string) (int64, error) {
	unit, number := 1.0, text
	base := 1000.0
	if strings.HasSuffix(number, "i") {
		base, number = 1024, strings.TrimSuffix(number, "i")
	}
	if n := len(number); n > 0 {
		letter := number[n-1:]
		if letter == "K" {
			letter = "k"
		}
		if at := strings.Index("kMGT", letter); at >= 0 {
			unit, number = math.Pow(base, float64(at+1)), number[:n-1]
		}
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || value*unit < 1e6 || value*unit > 1e15 {
		return 0, fmt.Errorf("-live wants a size from 1M on, for example 1230M or 512Mi; got %q", text)
	}
	return int64(value * unit), nil
}

func peakRSS() uint64 {
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		var kib uint64
		if _, err := fmt.Sscanf(line, "VmHWM: %d", &kib); err == nil {
			return kib * 1024
		}
	}
	return 0
}

func (s *service) report(workers []worker, fill, serve time.Duration, seed uint64) {
	var ops, overwrites, evictions, entries uint64
	var live int64
	for i := range workers {
		ops += workers[i].ops
		overwrites += workers[i].overwrites
		evictions += workers[i].evictions
	}
	for i := range s.shards {
		for name, value := range s.shards[i].entries {
			live += int64(len(name) + len(value))
			entries++
		}
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	text, _ := json.Marshal(map[string]interface{}{
		"schema": "ullage.example.cache_service/1", "language": "go", "live_bytes": live,
		"live_highest_bytes": atomic.LoadInt64(&s.highest), "live_max_bytes": s.limit,
		"entries": entries, "ops": ops, "overwrites": overwrites, "evictions": evictions,
		"ops_per_s":      math.Round(float64(ops) / serve.Seconds()),
		"replace_p50_ns": quantile(workers, ops, 0.5),
		"replace_p99_ns": quantile(workers, ops, 0.99), "fill_ns": fill.Nanoseconds(),
		"serve_ns": serve.Nanoseconds(), "threads": len(workers), "seed": seed,
		"peak_rss_bytes": peakRSS(), "gc_cycles": memory.NumGC,
		"go_memory_limit_bytes": debug.SetMemoryLimit(-1), "go_version": runtime.Version(),
	})
	fmt.Println(string(text))
}

func main() {
	live := flag.String("live", "1230M", "bytes of keys and values to hold")
	seconds := flag.Float64("seconds", 20, "how long entries are replaced")
	threads := flag.Int("threads", 2, "goroutines that do so")
	seed := flag.Uint64("seed", 1, "start of the random numbers")
	flag.Parse()
	limit, err := parseSize(*live)
	if err != nil || flag.NArg() > 0 || *threads < 1 || *threads > 64 {
		fmt.Fprintln(os.Stderr, "cache_service: cannot start:", err, flag.Args(), "; see -h")
		os.Exit(2)
	}
	s := &service{limit: limit}
	s.keys = uint64(2 * float64(limit) / (s.initSizes() + (keyMin+keyMax)/2))
	for i := range s.shards {
		s.shards[i].entries = make(map[string][]byte)
	}
	var stopping atomic.Bool
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	go func() { <-signals; stopping.Store(true) }()

	workers := make([]worker, *threads)
	everyone := func(work func(w *worker)) time.Duration {
		var done sync.WaitGroup
		start := time.Now()
		for i := range workers {
			done.Add(1)
			go func(w *worker) { work(w); done.Done() }(&workers[i])
		}
		done.Wait()
		return time.Since(start)
	}
	for i := range workers {
		workers[i].random, workers[i].nextKey = mix(*seed+uint64(i)), uint64(i)
	}
	fill := everyone(func(w *worker) {
		for !stopping.Load() && s.set(w, w.nextKey, false) {
			w.nextKey += uint64(*threads)
		}
	})
	deadline := time.Now().Add(time.Duration(*seconds * 1e9))
	serve := everyone(func(w *worker) {
		for start := time.Now(); start.Before(deadline) && !stopping.Load(); {
			s.set(w, w.below(s.keys), true)
			end := time.Now()
			w.latency[bucketOf(uint64(end.Sub(start)))]++
			w.ops++
			start = end
		}
	})
	s.report(workers, fill, serve, *seed)
}
