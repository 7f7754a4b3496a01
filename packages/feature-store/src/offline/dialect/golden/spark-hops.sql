WITH rows_0 AS (
  SELECT k0, k1, event, c0, GREATEST(event, known) AS enter,
    ROW_NUMBER() OVER (PARTITION BY k0, k1 ORDER BY event, known, seq) AS place
  FROM (
    SELECT `left` AS k0, `right` AS k1, unix_micros(`event`) AS event, COALESCE(unix_micros(`known`), 9223372036854775807) AS known, `seq` AS seq, `value` AS c0
    FROM `source`
    WHERE `left` IS NOT NULL AND `right` IS NOT NULL AND `event` IS NOT NULL AND `known` IS NOT NULL
  ) AS source
),
asks_0 AS (
  SELECT DISTINCT `a` AS k0, `b` AS k1, unix_micros(`at`) AS t
  FROM `labels`
  WHERE `a` IS NOT NULL AND `b` IS NOT NULL AND `at` IS NOT NULL
),
seen_0_0 AS (
  SELECT k0, k1, t, place FROM (
    SELECT k0, k1, t, asked, MAX(place) OVER (PARTITION BY k0, k1 ORDER BY t, asked ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS place
    FROM (
      SELECT k0, k1, enter AS t, 0 AS asked, place FROM rows_0 WHERE c0 IS NOT NULL
      UNION ALL
      SELECT k0, k1, t, 1 AS asked, NULL AS place FROM asks_0
    ) AS merged
  ) AS running
  WHERE asked = 1
),
latest_0_0 AS (
  SELECT s.k0, s.k1, s.t, CASE WHEN r.event >= s.t - 3999999 - MOD(MOD(s.t - 3999999, 1500000) + 1500000, 1500000) THEN CAST(r.c0 AS DOUBLE) END AS f0
  FROM seen_0_0 AS s JOIN rows_0 AS r ON r.k0 = s.k0 AND r.k1 = s.k1 AND r.place = s.place
),
sweep_0_0 AS (
  SELECT k0, k1, t, CAST(n0 AS INT) AS f0 FROM (
    SELECT k0, k1, t, asked,
      SUM(n0) OVER (PARTITION BY k0, k1 ORDER BY t, asked ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS n0
    FROM (
      SELECT k0, k1, enter AS t, 0 AS asked, 1 AS n0 FROM rows_0 WHERE enter < event - MOD(MOD(event, 1500000) + 1500000, 1500000) + 5499999
      UNION ALL
      SELECT k0, k1, event - MOD(MOD(event, 1500000) + 1500000, 1500000) + 5499999 AS t, 0 AS asked, -(1) AS n0 FROM rows_0 WHERE enter < event - MOD(MOD(event, 1500000) + 1500000, 1500000) + 5499999
      UNION ALL
      SELECT k0, k1, t, 1 AS asked, 0 AS n0 FROM asks_0
    ) AS deltas
  ) AS running
  WHERE asked = 1
),
pairs_0_0 AS (
  SELECT a.k0, a.k1, a.t, STDDEV_POP(CAST(r.c0 AS DOUBLE)) AS f0
  FROM asks_0 AS a JOIN rows_0 AS r ON r.k0 = a.k0 AND r.k1 = a.k1 AND r.event >= a.t - 3999999 - MOD(MOD(a.t - 3999999, 1500000) + 1500000, 1500000) AND r.enter <= a.t
  GROUP BY a.k0, a.k1, a.t
),
since_0 AS (
  SELECT k0, k1, MIN(enter) AS t FROM rows_0 GROUP BY k0, k1
)
SELECT l.*,
  CASE WHEN since_0.t <= unix_micros(l.`at`) THEN COALESCE(sweep_0_0.f0, 0) END AS `v:count`,
  pairs_0_0.f0 AS `v:stddev`,
  latest_0_0.f0 AS `v:lastInWindow`
FROM `labels` AS l
LEFT JOIN latest_0_0 ON latest_0_0.k0 = l.`a` AND latest_0_0.k1 = l.`b` AND latest_0_0.t = unix_micros(l.`at`)
LEFT JOIN sweep_0_0 ON sweep_0_0.k0 = l.`a` AND sweep_0_0.k1 = l.`b` AND sweep_0_0.t = unix_micros(l.`at`)
LEFT JOIN pairs_0_0 ON pairs_0_0.k0 = l.`a` AND pairs_0_0.k1 = l.`b` AND pairs_0_0.t = unix_micros(l.`at`)
LEFT JOIN since_0 ON since_0.k0 = l.`a` AND since_0.k1 = l.`b`
WHERE COALESCE(unix_micros(l.`at`), CAST(raise_error('A label has no time in at: fill it in or drop the row') AS BIGINT)) IS NOT NULL
