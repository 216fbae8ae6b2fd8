/**
 * What a CSV reader has to know: how many columns there are, and which of them become which fields.
 *
 * The columns come from the file's header, the `columns` option or the schema; the plan joins them with the schema's
 * fields, once per file.
 */
import { MillraceError } from '../../common/index.ts';
import { type TypeInformation, type TypeKind, Types } from '../../serialization/index.ts';

export type CsvKind = Extract<
  TypeKind,
  'STRING' | 'BOOLEAN' | 'INT' | 'LONG' | 'DOUBLE' | 'BIGINT' | 'TIMESTAMP' | 'DATE' | 'BYTES'
>;

export interface CsvField {
  readonly name: string;
  readonly kind: CsvKind;
  readonly optional: boolean;
  /** 0-based column; -1 if an OPTIONAL field has none. */
  readonly column: number;
}

export interface CsvPlan {
  readonly columns: readonly string[];
  readonly fields: readonly CsvField[];
  /** The columns that are no field, ascending. */
  readonly unwanted: readonly number[];
}

/** A schema's fields as CSV has them. */
export type CsvFields = readonly Omit<CsvField, 'column'>[];

const KINDS: ReadonlySet<string> = new Set<CsvKind>([
  'STRING',
  'BOOLEAN',
  'INT',
  'LONG',
  'DOUBLE',
  'BIGINT',
  'TIMESTAMP',
  'DATE',
  'BYTES',
]);

/** @throws MillraceError INVALID_OPTION for a schema that is no flat object. */
export function csvFields(schema: TypeInformation<unknown>): CsvFields {
  if (schema.kind !== 'OBJECT') {
    throw new MillraceError('INVALID_OPTION', `The schema of the CSV format must be a Types.OBJECT, but is ${schema.kind}.`);
  }
  return Object.entries(schema.fields).map(([name, field]) => {
    let type: TypeInformation<unknown> = field;
    while (type.kind === 'OPTIONAL') type = type.type;
    const kind = type.kind === 'ANY' ? 'STRING' : type.kind;
    if (!KINDS.has(kind)) {
      throw new MillraceError(
        'INVALID_OPTION',
        `A column of a CSV file cannot be a ${kind}: change the type of the field "${name}", or read it as STRING.`,
      );
    }
    return { name, kind: kind as CsvKind, optional: field.kind === 'OPTIONAL' };
  });
}

/** The fields of a format without a schema: each column a string. */
export function stringFields(columns: readonly string[]): CsvFields {
  return csvFields(Types.OBJECT(Object.fromEntries(columns.map((name) => [name, Types.STRING]))));
}

/**
 * Joins fields with columns by name.
 * @param where who names the columns: for the message if a field has none.
 * @throws MillraceError MALFORMED_RECORD if a column is missing, or wanted and there twice.
 */
export function planCsv(fields: CsvFields, columns: readonly string[], where: string): CsvPlan {
  const planned = fields.map((field): CsvField => {
    const column = columns.indexOf(field.name);
    if (column < 0 && !field.optional) {
      throw new MillraceError(
        'MALFORMED_RECORD',
        `${where} has no column ${JSON.stringify(field.name)}, which the schema wants; it has ${columns.map((name) => JSON.stringify(name)).join(', ')}.`,
        { context: { column: field.name }, recoverable: false },
      );
    }
    if (column >= 0 && columns.indexOf(field.name, column + 1) >= 0) {
      throw new MillraceError(
        'MALFORMED_RECORD',
        `${where} has two columns ${JSON.stringify(field.name)}; name the columns yourself (option "columns", with header: 'skip').`,
        { context: { column: field.name }, recoverable: false },
      );
    }
    return { ...field, column };
  });
  const wanted = new Set(planned.map((field) => field.column));
  return { columns, fields: planned, unwanted: columns.map((_, i) => i).filter((i) => !wanted.has(i)) };
}
