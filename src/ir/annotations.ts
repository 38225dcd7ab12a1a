/** What any part of a model may carry and edgec keeps without understanding it. */

export interface StringEntry {
  key?: string;
  value?: string;
  unknownFields?: readonly Uint8Array[];
}

export interface Annotated {
  docString?: string;
  metadata?: StringEntry[];
  /** Fields newer than the schema edgec knows: whole encoded fields, written back as they were. */
  unknownFields?: readonly Uint8Array[];
}
