//! Tables in Parquet files.

use std::path::Path;
use std::sync::Arc;

use hourglass::data::{DataSpec, PreparedColumn, SourceKind};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::{file, open, refused, spec_of};

#[test]
fn parquet_tables_read_like_csv() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.parquet");
    let schema = "message rows { REQUIRED DOUBLE a; OPTIONAL INT64 b; REQUIRED BYTE_ARRAY c (UTF8);
        REQUIRED INT64 d (TIMESTAMP_MILLIS); }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let output = std::fs::File::create(&path).expect("a file");
    let mut writer =
        SerializedFileWriter::new(output, schema, Arc::new(WriterProperties::builder().build())).expect("a writer");
    let mut group = writer.next_row_group().expect("rows");
    let mut column = group.next_column().expect("a").expect("a");
    let a: Vec<f64> = (0..40).map(|i| f64::from(i) * 0.5).collect();
    column.typed::<DoubleType>().write_batch(&a, None, None).expect("written");
    column.close().expect("closed");
    // Every tenth is missing.
    let mut column = group.next_column().expect("b").expect("b");
    let b: Vec<i64> = (0..40).filter(|i| i % 10 != 0).map(|i| i * i % 13).collect();
    let there: Vec<i16> = (0..40).map(|i| i16::from(i % 10 != 0)).collect();
    column.typed::<Int64Type>().write_batch(&b, Some(&there), None).expect("written");
    column.close().expect("closed");
    let mut column = group.next_column().expect("c").expect("c");
    let c: Vec<ByteArray> = (0..40).map(|i| ByteArray::from(["red", "blue"][i % 2])).collect();
    column.typed::<ByteArrayType>().write_batch(&c, None, None).expect("written");
    column.close().expect("closed");
    let mut column = group.next_column().expect("d").expect("d");
    let d: Vec<i64> = (0..40).map(|i| 1_577_836_800_000 + i * 3_600_000).collect();
    column.typed::<Int64Type>().write_batch(&d, None, None).expect("written");
    column.close().expect("closed");
    group.close().expect("closed");
    writer.close().expect("closed");

    let text: String = (0..40)
        .map(|i| {
            let b = if i % 10 == 0 { String::new() } else { (i * i % 13).to_string() };
            let color = ["red", "blue"][i % 2];
            format!("{},{b},{color},2020-01-{:02} {:02}:00:00\n", i as f64 * 0.5, 1 + i / 24, i % 24)
        })
        .collect();
    let csv = file(folder.path(), "a.csv", format!("a,b,c,d\n{text}"));
    let as_table = |path: &Path| open(&DataSpec { kind: Some(SourceKind::Table), ..spec_of(path) }).expect("a table");
    let (one, other) = (as_table(&path), as_table(&csv));
    // Times of Parquet have a type, and no writing.
    let mut columns = other.preparation.columns.clone();
    for column in &mut columns {
        if let PreparedColumn::Time { form, .. } = column {
            assert_eq!(form.take().as_deref(), Some("%Y-%m-%d %H:%M:%S"));
        }
    }
    assert_eq!((one.missing, &one.preparation.columns), (4, &columns));
    assert_eq!(one.rows_f32(0..40).unwrap(), other.rows_f32(0..40).unwrap());
    let half = std::fs::read(&path).expect("bytes");
    refused(&spec_of(&file(folder.path(), "half.parquet", &half[..half.len() / 2])), &["half.parquet", "Parquet"]);
}
