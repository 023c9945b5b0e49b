// Package storetest is what datastore.Store promises, as tests that every implementation
// of it runs:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) datastore.Store { return openSomehow(t) })
//	}
package storetest
