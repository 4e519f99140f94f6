//! What can be tested where there is no GPU: the plan of products, tables, names of kernels, and that a
//! missing driver is said. The operations themselves: examples/cuda_suite.

use super::library::SOURCES;
use super::product::plan;
use super::signature::{Kind, signature};
use super::table::{groups, tiles};
use super::*;
use crate::device::{Packing, Product};
use crate::ops::{Rope, RopeLayout};
use proptest::prelude::*;

/// `c[i + j ldc] = sum over l of op(left)[i][l] op(right)[l][j]`, as cuBLAS defines it: columns first.
fn by_columns(
    (m, n, k): (usize, usize, usize),
    (left, lda, left_turned): (&[f64], usize, bool),
    (right, ldb, right_turned): (&[f64], usize, bool),
    ldc: usize,
) -> Vec<f64> {
    let mut c = vec![0.0; ldc * n];
    let at = |values: &[f64], ld: usize, turned: bool, row: usize, column: usize| {
        let (row, column) = if turned { (column, row) } else { (row, column) };
        assert!(row < ld, "a leading dimension is shorter than a column");
        values[row + column * ld]
    };
    for i in 0..m {
        for j in 0..n {
            let terms = (0..k)
                .map(|l| at(left, lda, left_turned, i, l) * at(right, ldb, right_turned, l, j));
            c[i + j * ldc] = terms.sum();
        }
    }
    c
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn products_by_columns_are_products_by_rows(m in 1usize..7, n in 1usize..7, k in 1usize..7, pad in 0usize..3) {
        for product in [Product::Nn, Product::Nt, Product::Tn] {
            let (a_sizes, b_sizes) = match product {
                Product::Nn => ((m, k), (k, n)),
                Product::Nt => ((m, k), (n, k)),
                Product::Tn => ((k, m), (k, n)),
            };
            let fill = |(rows, columns): (usize, usize), seed: usize| -> Vec<f64> {
                (0..rows * (columns + pad)).map(|i| ((i * 7 + seed) % 11) as f64 - 5.0).collect()
            };
            let (a, b) = (fill(a_sizes, 1), fill(b_sizes, 4));
            let (lda, ldb, ldc) = (a_sizes.1 + pad, b_sizes.1 + pad, n + pad);
            let plan = plan(product, a_sizes, b_sizes, (m, n)).unwrap();
            let sizes = (plan.m, plan.n, plan.k);
            // The call's first matrix is b, its second a.
            let c = by_columns(sizes, (&b, ldb, plan.left), (&a, lda, plan.right), ldc);
            for i in 0..m {
                for j in 0..n {
                    let want: f64 = (0..k)
                        .map(|l| {
                            let a = match product { Product::Tn => a[l * lda + i], _ => a[i * lda + l] };
                            let b = match product { Product::Nt => b[j * ldb + l], _ => b[l * ldb + j] };
                            a * b
                        })
                        .sum();
                    prop_assert_eq!(c[i * ldc + j], want);
                }
            }
        }
    }

    #[test]
    fn groups_name_each_row_once_in_order(ids in prop::collection::vec(0u32..9, 0..40)) {
        let (different, starts, order) = groups(&ids);
        prop_assert_eq!(starts.len(), different.len() + 1);
        let mut seen = vec![false; ids.len()];
        for (i, id) in different.iter().enumerate() {
            let rows = &order[starts[i] as usize..starts[i + 1] as usize];
            prop_assert!(!rows.is_empty() && rows.is_sorted());
            for &row in rows {
                prop_assert_eq!(ids[row as usize], *id);
                seen[row as usize] = true;
            }
        }
        prop_assert!(seen.into_iter().all(|s| s));
        prop_assert!(different.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

#[test]
fn sizes_that_disagree_have_no_plan() {
    assert_eq!(plan(Product::Nn, (2, 3), (4, 5), (2, 5)), None);
    assert_eq!(plan(Product::Nt, (2, 3), (5, 3), (5, 2)), None);
    assert!(plan(Product::Tn, (3, 2), (3, 5), (2, 5)).is_some());
}

#[test]
fn tiles_cover_documents_and_end_with_them() {
    let packing = Packing::new([33, 1, 64]).unwrap();
    let want = [
        [0, 32, 0, 33],
        [32, 1, 0, 33],
        [33, 1, 33, 34],
        [34, 32, 34, 98],
        [66, 32, 34, 98],
    ];
    assert_eq!(tiles(&packing), want);
    let values = Rope::new(RopeLayout::Halves, 1e4, 4).table(3);
    assert_eq!(values[..4], [0.0, 0.0, 1.0, 1.0]);
    assert!((values[8] - 2f32.sin()).abs() < 1e-6 && (values[10] - 2f32.cos()).abs() < 1e-6);
}

#[test]
fn every_kernel_that_is_loaded_is_written_with_its_arguments() {
    for source in &SOURCES {
        for name in source.names() {
            let takes = signature(source.text, &name);
            assert!(
                takes.is_some_and(|t| t.len() > 2),
                "{name} in {}",
                source.file
            );
        }
    }
    use Kind::{Long, Pointer, Real, Word};
    let rows = &SOURCES[1].text;
    let norm = signature(rows, "norm_h").unwrap();
    assert_eq!(norm, [Pointer, Pointer, Real, Pointer, Word]);
    let values = &SOURCES[0].text;
    let dropout = signature(values, "dropout_f").unwrap();
    assert_eq!(dropout, [Pointer, Pointer, Long, Word, Real, Long, Word]);
    assert_eq!(
        signature(values, "narrow").unwrap(),
        [Pointer, Pointer, Long]
    );
    assert_eq!(signature(values, "missing_f"), None);
}

#[test]
fn a_missing_gpu_is_said() {
    // Where there is a GPU, this one is not: the message is another, and an error all the same.
    let error = Cuda::new(4_000, Precision::Mixed).unwrap_err();
    assert!(matches!(error, Error::Device(_)), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("not found; install") || text.contains("GPU"),
        "{text}"
    );
}
