import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusLine, type TerminalStream } from './status-line.ts';

const ERASE_LINE = '\u001b[2K';

/** A terminal that understands what a status line needs: newlines, carriage returns and erasing a line. */
class Screen {
  readonly lines: string[] = [''];
  readonly columns = 40;

  stream(isTTY = true): TerminalStream {
    const screen = this;
    return {
      isTTY,
      columns: this.columns,
      write(chunk) {
        screen.print(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
        return true;
      },
    };
  }

  private print(text: string): void {
    for (const part of text.replaceAll(ERASE_LINE, '\f').split(/([\r\n\f])/)) {
      const last = this.lines.length - 1;
      if (part === '\n') this.lines.push('');
      else if (part === '\f') this.lines[last] = '';
      else if (part !== '\r') this.lines[last] += part;
    }
  }
}

test('the line is drawn over itself', () => {
  const screen = new Screen();
  const line = new StatusLine(screen.stream());
  line.show('10 %');
  line.show('20 %');
  assert.deepEqual(screen.lines, ['20 %']);
});

test('what others write comes above the line, whichever stream of the terminal they use', () => {
  const screen = new Screen();
  const [stderr, stdout] = [screen.stream(), screen.stream()];
  const line = new StatusLine(stderr, [stdout]);
  line.show('10 %');
  stdout.write('2\n4\n');
  stderr.write(Buffer.from('WARN  late\n'));
  assert.deepEqual(screen.lines, ['2', '4', 'WARN  late', '10 %']);
});

test('a line without its end is not written over; the status comes back behind its end', () => {
  const screen = new Screen();
  const stream = screen.stream();
  const line = new StatusLine(stream);
  line.show('10 %');
  stream.write('working');
  line.show('20 %');
  stream.write(' …');
  assert.deepEqual(screen.lines, ['working …']);
  stream.write(' done\n');
  assert.deepEqual(screen.lines, ['working … done', '20 %']);
});

test('hiding erases the line and leaves the streams as they were', () => {
  const screen = new Screen();
  const [stderr, stdout] = [screen.stream(), screen.stream()];
  const before = [stderr.write, stdout.write];
  const line = new StatusLine(stderr, [stdout]);
  line.show('10 %');
  assert.notEqual(stderr.write, before[0]);
  line.hide();
  line.hide();
  assert.deepEqual([stderr.write, stdout.write], before);
  stdout.write('end\n');
  assert.deepEqual(screen.lines, ['end', '']);
});

test('a stream that is no terminal is left alone', () => {
  const screen = new Screen();
  const file = new Screen();
  const stdout = file.stream(false);
  const line = new StatusLine(screen.stream(), [stdout]);
  line.show('10 %');
  stdout.write('2\n');
  assert.deepEqual(file.lines, ['2', '']);
  assert.deepEqual(screen.lines, ['10 %']);
});

test('the line is cut to the width of the terminal, so that it stays one', () => {
  const screen = new Screen();
  new StatusLine(screen.stream()).show('x'.repeat(100));
  assert.equal(screen.lines[0]?.length, screen.columns - 1);
});
