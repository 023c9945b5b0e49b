package manifest

import ("os";"testing";"time";"runtime";"fmt")

func TestZZ(t *testing.T) {
	data, err := os.ReadFile(os.Getenv("NASTY"))
	if err != nil { t.Skip() }
	for _, n := range []int{len(data)/4, len(data)/2, len(data)} {
	runtime.GC()
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	s := time.Now()
	items, w, m := parse(split("f", data[:n]))
	d := time.Since(s)
	runtime.ReadMemStats(&b)
	fmt.Println(n, d, (b.TotalAlloc-a.TotalAlloc)>>20, "MB", b.Mallocs-a.Mallocs, len(items), len(w), len(m), valuesAbout(data[:n]))
	if len(m)>0 { fmt.Printf("%.200s\n", m[0]) }
	}
}
