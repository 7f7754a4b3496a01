WITH rows_0 AS (
  SELECT k0, k1, event, c0, GREATEST(event, known) AS enter,
    ROW_NUMBER() OVER (PARTITION BY k0, k1 ORDER BY event, known, seq) AS place
  FROM (
    SELECT "left" AS k0, "right" AS k1, epoch_us("event") AS event, COALESCE(epoch_us("known"), 9223372036854775807) AS known, "seq" AS seq, "value" AS c0
    FROM "lake"."source"
    WHERE "left" IS NOT NULL AND "right" IS NOT NULL AND "event" IS NOT NULL AND "known" IS NOT NULL
  ) AS source
),
asks_0 AS (
  SELECT DISTINCT "a" AS k0, "b" AS k1, epoch_us("at") AS t
  FROM "lake"."labels"
  WHERE "a" IS NOT NULL AND "b" IS NOT NULL AND "at" IS NOT NULL
),
seen_0_0 AS (
  SELECT k0, k1, t, place FROM (
    SELECT k0, k1, t, asked, MAX(place) OVER (PARTITION BY k0, k1 ORDER BY t, asked ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS place
    FROM (
      SELECT k0, k1, enter AS t, 0 AS asked, place FROM rows_0
      UNION ALL
      SELECT k0, k1, t, 1 AS asked, NULL AS place FROM asks_0
    ) AS merged
  ) AS running
  WHERE asked = 1
),
latest_0_0 AS (
  SELECT s.k0, s.k1, s.t, CASE WHEN r.event >= s.t - 3000000 THEN CAST(r.c0 AS DOUBLE) END AS f0
  FROM seen_0_0 AS s JOIN rows_0 AS r ON r.k0 = s.k0 AND r.k1 = s.k1 AND r.place = s.place
),
sweep_0_0 AS (
  SELECT k0, k1, t, CAST(n0 AS INTEGER) AS f0, CASE WHEN n1 > 0 THEN CAST(s1 AS DOUBLE) END AS f1, CASE WHEN n2 > 0 THEN CAST(s2 AS DOUBLE) / CAST(n2 AS DOUBLE) END AS f2, CASE WHEN n3 > 0 THEN CAST(s3 AS DOUBLE) / CAST(n3 AS DOUBLE) END AS f3 FROM (
    SELECT k0, k1, t, asked,
      SUM(n0) OVER (PARTITION BY k0, k1 ORDER BY t, asked ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS n0,
      SUM(n1) OVER (PARTITION BY k0, k1 ORDER BY t, asked ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS n1,
      SUM(s1) OVER (PARTITION BY k0, k1 ORDER BY t, asked ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s1,
      SUM(n2) OVER (PARTITION BY k0, k1 ORDER BY t, asked ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS n2,
      SUM(s2) OVER (PARTITION BY k0, k1 ORDER BY t, asked ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s2,
      SUM(n3) OVER (PARTITION BY k0, k1 ORDER BY t, asked ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS n3,
      SUM(s3) OVER (PARTITION BY k0, k1 ORDER BY t, asked ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s3
    FROM (
      SELECT k0, k1, enter AS t, 0 AS asked, 1 AS n0, CASE WHEN c0 IS NULL THEN 0 ELSE 1 END AS n1, COALESCE(CAST(c0 AS HUGEINT), 0) AS s1, CASE WHEN c0 IS NULL THEN 0 ELSE 1 END AS n2, COALESCE(CAST(c0 AS HUGEINT), 0) AS s2, CASE WHEN c0 IS NULL THEN 0 ELSE 1 END AS n3, CASE WHEN c0 > 2 THEN 1 ELSE 0 END AS s3 FROM rows_0 WHERE enter < event + 4000000
      UNION ALL
      SELECT k0, k1, event + 4000000 AS t, 0 AS asked, -(1) AS n0, -(CASE WHEN c0 IS NULL THEN 0 ELSE 1 END) AS n1, -(COALESCE(CAST(c0 AS HUGEINT), 0)) AS s1, -(CASE WHEN c0 IS NULL THEN 0 ELSE 1 END) AS n2, -(COALESCE(CAST(c0 AS HUGEINT), 0)) AS s2, -(CASE WHEN c0 IS NULL THEN 0 ELSE 1 END) AS n3, -(CASE WHEN c0 > 2 THEN 1 ELSE 0 END) AS s3 FROM rows_0 WHERE enter < event + 4000000
      UNION ALL
      SELECT k0, k1, t, 1 AS asked, 0 AS n0, 0 AS n1, 0 AS s1, 0 AS n2, 0 AS s2, 0 AS n3, 0 AS s3 FROM asks_0
    ) AS deltas
  ) AS running
  WHERE asked = 1
),
pairs_0_0 AS (
  SELECT a.k0, a.k1, a.t, STDDEV_POP(CAST(r.c0 AS DOUBLE)) AS f0
  FROM asks_0 AS a JOIN rows_0 AS r ON r.k0 = a.k0 AND r.k1 = a.k1 AND r.event >= a.t - 3999999 AND r.enter <= a.t
  GROUP BY a.k0, a.k1, a.t
),
since_0 AS (
  SELECT k0, k1, MIN(enter) AS t FROM rows_0 GROUP BY k0, k1
)
SELECT l.*,
  latest_0_0.f0 AS "v:last",
  CASE WHEN since_0.t <= epoch_us(l."at") THEN COALESCE(sweep_0_0.f0, 0) END AS "v:count",
  sweep_0_0.f1 AS "v:sum",
  sweep_0_0.f2 AS "v:mean",
  sweep_0_0.f3 AS "v:share",
  pairs_0_0.f0 AS "v:stddev"
FROM "lake"."labels" AS l
LEFT JOIN latest_0_0 ON latest_0_0.k0 = l."a" AND latest_0_0.k1 = l."b" AND latest_0_0.t = epoch_us(l."at")
LEFT JOIN sweep_0_0 ON sweep_0_0.k0 = l."a" AND sweep_0_0.k1 = l."b" AND sweep_0_0.t = epoch_us(l."at")
LEFT JOIN pairs_0_0 ON pairs_0_0.k0 = l."a" AND pairs_0_0.k1 = l."b" AND pairs_0_0.t = epoch_us(l."at")
LEFT JOIN since_0 ON since_0.k0 = l."a" AND since_0.k1 = l."b"
WHERE COALESCE(epoch_us(l."at"), CAST(error('A label has no time in at: fill it in or drop the row') AS BIGINT)) IS NOT NULL
ORDER BY l."n"
