/* The server at the far end of the benchmark: answers initialize, tools/list and tools/call as fast as it can.
 * tools/call sends back the text it was given. Lines of any length; no JSON parser: it reads only the frames
 * that bench.py writes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *out;
static size_t used, room;

static void put(const char *bytes, size_t n) {
    if (used + n > room) {
        room = (used + n) * 2;
        if (!(out = realloc(out, room))) exit(1);
    }
    memcpy(out + used, bytes, n);
    used += n;
}

static void puts_(const char *text) { put(text, strlen(text)); }

static void flush(void) {
    for (size_t done = 0; done < used;) {
        ssize_t n = write(1, out + done, used - done);
        if (n <= 0) exit(0);
        done += (size_t)n;
    }
    used = 0;
}

static void answer(char *line, size_t length) {
    char *id = memmem(line, length < 128 ? length : 128, "\"id\":", 5);
    if (!id) return; /* a notification */
    id += 5;
    char *end = id;
    while (end < line + length && *end != ',' && *end != '}') end++;
    puts_("{\"jsonrpc\":\"2.0\",\"id\":");
    put(id, (size_t)(end - id));
    size_t head = length < 128 ? length : 128;
    if (memmem(line, head, "\"initialize\"", 12)) {
        puts_(",\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{}},"
              "\"serverInfo\":{\"name\":\"stub\",\"version\":\"1\"}}}\n");
    } else if (memmem(line, head, "\"tools/list\"", 12)) {
        puts_(",\"result\":{\"tools\":[{\"name\":\"echo\",\"description\":\"Send the text back.\","
              "\"inputSchema\":{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"}}}}]}}\n");
    } else {
        char *text = memmem(line, length, "\"text\":\"", 8);
        char *stop = text ? memchr(text + 8, '"', (size_t)(line + length - text - 8)) : NULL;
        puts_(",\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"");
        if (stop) put(text + 8, (size_t)(stop - text - 8));
        puts_("\"}]}}\n");
    }
}

int main(void) {
    size_t size = 1 << 16, have = 0;
    char *in = malloc(size);
    for (;;) {
        if (have == size && !(in = realloc(in, size *= 2))) return 1;
        ssize_t n = read(0, in + have, size - have);
        if (n <= 0) return 0;
        char *scan = in + have, *start = in, *nl;
        have += (size_t)n;
        while ((nl = memchr(scan, '\n', (size_t)(in + have - scan)))) {
            answer(start, (size_t)(nl - start));
            scan = start = nl + 1;
        }
        have = (size_t)(in + have - start);
        memmove(in, start, have);
        if (used) flush();
    }
}
