package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

func main() {
	start := time.Now()
	trials, refused, err := drawnTrials(300, 1)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(time.Since(start), refused)
	c, err := proveTrials(context.Background(), trials, 2)
	fmt.Println(err, time.Since(start))
	c.print(os.Stdout, "drawn")
	for i, d := range c.disagreements {
		if i < 40 {
			fmt.Println(d)
		}
	}
}
