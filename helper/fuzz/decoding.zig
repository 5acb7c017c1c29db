//! The decoder by itself, which is so much faster than a whole life: it takes what the reference takes, for the same, and
//! nothing else, in the memory that it was given.
const std = @import("std");
const Allocator = std.mem.Allocator;
const limits = @import("../limits.zig");
const messages = @import("../messages.zig");
const wire = @import("../wire.zig");
const reference = @import("reference.zig");
const generator = @import("generator.zig");
const world = @import("world.zig");

const bug = world.bug;
const expect = world.expect;

/// Mutations of one message that are decoded one after the other.
pub const count = 32;
/// Messages that are larger have enough of the lives.
const size_max = 16 << 10;

const canary = 0xa5;
var buffer: [limits.arenaSize(size_max) + 64]u8 = undefined;
var encoded: [1 << 20]u8 = undefined;
var message: messages.ToHelper = undefined;

/// Returns how many messages were decoded.
pub fn decodeMany(seed: u64, allocator: Allocator) usize {
    var mutations = generator.messageOf(seed, allocator);
    for (0..count) |index| {
        if (mutations.bytes.items.len > size_max) return index;
        compare(mutations.bytes.items, allocator);
        mutations.next();
    }
    return count;
}

fn compare(bytes: []const u8, allocator: Allocator) void {
    const size = limits.arenaSize(bytes.len);
    @memset(buffer[size..][0..64], canary);
    var arena: wire.Arena = .{ .buffer = buffer[0..size] };
    var notes: reference.Notes = .{};
    const expected = reference.decode(messages.ToHelper, bytes, allocator, &notes);
    wire.decodeInto(messages.ToHelper, &message, bytes, &arena) catch |err| {
        _ = expected catch return;
        if (notes.list_too_long and err == error.ListTooLong) return;
        expect(notes.repeated and err == error.ArenaExhausted, "a message is refused for nothing");
        return;
    };
    expect(std.mem.allEqual(u8, buffer[size..][0..64], canary), "the decoder writes where it must not");
    const right = expected catch bug("what is no message is decoded");
    expect(!notes.list_too_long, "a list that is too long is decoded");
    expect(reference.same(messages.ToHelper, message, right), "a message is decoded to another one");
    if (bytes.len > 256) return;
    encodeAgain(allocator);
    decodeInLess(bytes, arena.used);
}

/// What it needs is enough, and nothing less is.
fn decodeInLess(bytes: []const u8, used: usize) void {
    for ([_]usize{ used, used -| 1 }) |size| {
        @memset(buffer[size..][0..64], canary);
        var arena: wire.Arena = .{ .buffer = buffer[0..size] };
        if (wire.decodeInto(messages.ToHelper, &message, bytes, &arena)) {
            expect(size == used, "a message is decoded in less than it takes");
        } else |err| expect(size < used and err == error.ArenaExhausted, "a message takes more than it took");
        expect(std.mem.allEqual(u8, buffer[size..][0..64], canary), "the decoder writes where it must not");
    }
}

/// What the helper's encoder makes of it is the same message.
fn encodeAgain(allocator: Allocator) void {
    inline for (@typeInfo(messages.ToHelper).@"struct".fields) |field| {
        if (@field(message, field.name)) |*inside| {
            const size = wire.encodeDelimited(messages.ToHelper, field.name, inside, &encoded);
            var at: usize = 0;
            const length = reference.varint(encoded[0..size], &at) catch bug("the encoder writes no length");
            expect(length == size - at, "the encoder writes another length");
            var notes: reference.Notes = .{};
            const again = reference.decode(messages.ToHelper, encoded[at..size], allocator, &notes) catch
                bug("the encoder writes what is no message");
            const found = @field(again, field.name) orelse bug("the encoder writes another message");
            expect(reference.same(@TypeOf(found), found, inside.*), "the encoder writes another message");
        }
    }
}
