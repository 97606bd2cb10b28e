-- SPDX-License-Identifier: MIT
-- real-sqlite: a table and an index in memory, filled, searched, joined and sorted.
create table t(id integer primary key, name text, value real);
with recursive c(x) as (select 1 union all select x + 1 from c where x < 400000)
  insert into t select x, 'name ' || (x * 7919 % 400009), x * 0.5 from c;
create index i on t(name);
select count(*), sum(value) from t where name like 'name 1%';
select a.name from t a join t b on a.name > b.name and b.id = a.id + 1 order by a.name desc limit 3;
