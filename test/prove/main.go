package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

func main() {
	trials, err := recordedTrials("testdata/verdicts", 1)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	start := time.Now()
	c, err := proveTrials(context.Background(), trials, 2)
	fmt.Println(err, time.Since(start))
	c.print(os.Stdout, "recorded")
	for i, d := range c.disagreements {
		if i < 40 {
			fmt.Println(d)
		}
	}
}
