package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/netip"

	"github.com/edfb3db0/calicoctl/policy"
)

// Numbers of protocols that have a header of their own here.
const (
	protoICMP    = 1
	protoTCP     = 6
	protoUDP     = 17
	protoICMPv6  = 58
	protoVRRP    = 112
	protoSCTP    = 132
	protoUDPLite = 136
)

// magic begins the mark by which packets are known again.
var magic = []byte("calicoctl-prove:")

// mark says which packet of which trial this is, and whether it is the answer.
type mark struct {
	trial, packet uint16
	answer        bool
}

func (m mark) bytes() []byte {
	out := binary.BigEndian.AppendUint16(bytes.Clone(magic), m.trial)
	out = binary.BigEndian.AppendUint16(out, m.packet)
	kind := byte(0)
	if m.answer {
		kind = 1
	}
	return append(out, kind, 0, 0, 0)
}

// markIn finds the mark in a packet.
func markIn(data []byte) (m mark, ok bool) {
	at := bytes.Index(data, magic)
	if at < 0 || len(data) < at+len(magic)+5 {
		return mark{}, false
	}
	rest := data[at+len(magic):]
	return mark{binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:]), rest[4] == 1}, true
}

// packet is an IP packet to be made.
type packet struct {
	from, to             netip.Addr
	protocol             uint8
	sourcePort, port     uint16
	icmpType, icmpCode   uint8
	mark                 mark
	answersTCP, initSCTP bool
}

// request is the packet of a flow.
func request(f *policy.Flow, m mark) packet {
	p := packet{from: f.From, to: f.To, protocol: f.Protocol.Number(), mark: m, initSCTP: true}
	for _, field := range []struct {
		from *uint16
		into *uint16
	}{{f.SourcePort, &p.sourcePort}, {f.Port, &p.port}} {
		if field.from != nil {
			*field.into = *field.from
		}
	}
	if f.ICMPType != nil {
		p.icmpType = *f.ICMPType
	}
	if f.ICMPCode != nil {
		p.icmpCode = *f.ICMPCode
	}
	return p
}

// answer is the answer of the host that got the packet of a flow. It is false for a packet that has none.
func answer(f *policy.Flow, m mark, rewritten bool) (packet, bool) {
	p := request(f, m)
	if rewritten {
		p.to, p.port = f.DNATTo, *f.DNATPort
	}
	p.from, p.to, p.sourcePort, p.port = p.to, p.from, p.port, p.sourcePort
	p.mark.answer, p.answersTCP, p.initSCTP = true, true, false
	switch p.protocol {
	case protoICMP, protoICMPv6:
		answers := map[uint8]uint8{8: 0, 13: 14, 128: 129}
		kind, ok := answers[p.icmpType]
		p.icmpType, p.icmpCode = kind, 0
		return p, ok
	}
	return p, true
}

// bytes is the packet as it is sent.
func (p *packet) bytes() []byte {
	body := p.body()
	if p.from.Is4() {
		out := []byte{0x45, 0}
		out = binary.BigEndian.AppendUint16(out, uint16(20+len(body)))
		out = append(out, 0, 1, 0, 0, 64, p.protocol, 0, 0)
		out = append(append(out, p.from.AsSlice()...), p.to.AsSlice()...)
		binary.BigEndian.PutUint16(out[10:], checksum(out))
		return append(out, body...)
	}
	out := []byte{0x60, 0, 0, 0}
	out = binary.BigEndian.AppendUint16(out, uint16(len(body)))
	out = append(out, p.protocol, 64)
	out = append(append(out, p.from.AsSlice()...), p.to.AsSlice()...)
	return append(out, body...)
}

// body is what comes after the IP header.
func (p *packet) body() []byte {
	ports := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, p.sourcePort), p.port)
	load := p.mark.bytes()
	icmp := p.protocol == protoICMP && p.from.Is4() || p.protocol == protoICMPv6 && p.from.Is6()
	switch {
	case icmp:
		body := []byte{p.icmpType, p.icmpCode, 0, 0}
		body = binary.BigEndian.AppendUint16(body, p.mark.packet)
		body = binary.BigEndian.AppendUint16(body, p.mark.trial)
		body = append(body, load...)
		sum := checksum(body)
		if p.from.Is6() {
			sum = p.transportSum(body)
		}
		binary.BigEndian.PutUint16(body[2:], sum)
		return body
	case p.protocol == protoTCP:
		return p.tcp(ports, load)
	case p.protocol == protoUDP, p.protocol == protoUDPLite: // whose third field is the length too, when all is covered
		body := binary.BigEndian.AppendUint16(ports, uint16(8+len(load)))
		body = append(append(body, 0, 0), load...)
		binary.BigEndian.PutUint16(body[6:], p.transportSum(body))
		return body
	case p.protocol == protoSCTP:
		return p.sctp(ports, load)
	}
	return load
}

// tcp is the first packet of a connection, or the one that accepts it.
func (p *packet) tcp(body, load []byte) []byte {
	const syn, ack = 2, 16
	flags, acknowledged := byte(syn), uint32(0)
	if p.answersTCP {
		flags, acknowledged = syn|ack, 1001
	}
	body = binary.BigEndian.AppendUint32(body, 1000)
	body = binary.BigEndian.AppendUint32(body, acknowledged)
	body = append(body, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0)
	body = append(body, load...)
	binary.BigEndian.PutUint16(body[16:], p.transportSum(body))
	return body
}

// sctp is the chunk that asks for an association, or the one that accepts it, with the load as a parameter.
func (p *packet) sctp(body, load []byte) []byte {
	const tag = 7
	chunk, verification := byte(2), uint32(tag)
	if p.initSCTP {
		chunk, verification = 1, 0
	}
	body = binary.BigEndian.AppendUint32(body, verification)
	body = append(body, 0, 0, 0, 0, chunk, 0)
	body = binary.BigEndian.AppendUint16(body, uint16(20+4+len(load)))
	body = binary.BigEndian.AppendUint32(body, tag)
	body = append(body, 0, 0, 0xff, 0xff, 0, 1, 0, 1, 0, 0, 0, 1)
	body = append(body, 0xc0, 0)
	body = binary.BigEndian.AppendUint16(body, uint16(4+len(load)))
	body = append(body, load...)
	binary.LittleEndian.PutUint32(body[8:], crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	return body
}

// checksum is the one of the Internet.
func checksum(data []byte) uint16 {
	sum := uint32(0)
	for i := 0; i+1 < len(data); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(data[i:]))
	}
	if len(data)%2 == 1 {
		sum += uint32(data[len(data)-1]) << 8
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// transportSum is the checksum with what the transports take from the IP header.
func (p *packet) transportSum(body []byte) uint16 {
	pseudo := append(p.from.AsSlice(), p.to.AsSlice()...)
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(body)))
	pseudo = append(pseudo, 0, 0, 0, p.protocol)
	if sum := checksum(append(pseudo, body...)); sum != 0 {
		return sum
	}
	return 0xffff
}
